"""NumPy on the CPU: small networks that run anywhere. The stand-in for a framework, in tests and on new machines."""

import numpy as np

packages = ("numpy",)  # any of these is the framework
libraries = ()
install = "pip install numpy"
modes = ("eager",)
precisions = ("float32", "float64")
trains = True

canary = "classification", "MLP-1024"  # the network that shows whether the device drifts

# task -> display name -> units of the hidden layers
models = {"classification": {"MLP-64": (64,), "MLP-1024": (1024,), "MLP-1024x2": (1024, 1024)}}


def input_shape(task: str, model: str, size: int | None = None) -> tuple[int, ...]:
    """Channels, height and width of one input, by default 32 x 32."""
    return (3, size or 32, size or 32)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before the framework is imported."""
    return {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def usual_s(device: str, mode: str | None) -> dict[str, float]:
    """Seconds that are to be expected of what comes before the first timed call: next to none."""
    return {"import_s": 0.0, "build_s": 0.1, "first_call_s": 0.0}


def start(device: str = "cpu") -> None:
    """Import the framework, which here already is. Raises NotImplementedError where it can't use the device."""
    if device != "cpu":
        raise NotImplementedError("NumPy runs on the CPU only: use --device cpu, or another framework")
    np.ones((256, 256)) @ np.ones((256, 256))  # OpenBLAS takes its buffer now: under a memory limit it would try for ever


class Network:
    """A network in its process: what it is fed with, and what runs it."""

    def __init__(self, layers: list[tuple[np.ndarray, np.ndarray]], training: bool = False):
        self.layers, self._training = layers, training
        self._batches: list[tuple[np.ndarray, ...]] = []
        self._velocities = [(np.zeros_like(matrix), np.zeros_like(bias)) for matrix, bias in layers] if training else []
        self._loss = np.nan

    def feed(self, batches) -> None:
        """What `run` takes in turn: tuples of arrays, (batch, …); in training the last array holds the labels."""
        self._batches = [(images.astype(self.layers[0][0].dtype), *labels) for images, *labels in batches]

    def run(self) -> None:
        """One call, or in training one step: forward, backward, update."""
        self._batches.append(self._batches.pop(0))
        if self._training:
            self._step(*self._batches[0])
        else:
            self._forward(self._batches[0][0])

    def wait(self) -> None:
        """Wait until the device is done: NumPy is when the call ends."""

    def answers(self, inputs) -> tuple[np.ndarray, ...]:
        """Logits, (batch, classes), of images, (batch, channels, height, width)."""
        return (self._forward(inputs[0]),)

    def loss(self) -> float:
        """The cross-entropy of the last step."""
        return self._loss

    def _forward(self, images: np.ndarray) -> np.ndarray:
        out = images.reshape(len(images), -1).astype(self.layers[0][0].dtype, copy=False)
        for layer, (matrix, bias) in enumerate(self.layers):
            out = (np.maximum(out, 0) if layer else out) @ matrix + bias
        return out

    def _step(self, images: np.ndarray, labels: np.ndarray) -> None:
        self._loss, slopes = gradients(self.layers, images, labels)
        for values, moving, steepest in zip(self.layers, self._velocities, slopes):
            for value, velocity, slope in zip(values, moving, steepest):
                velocity *= 0.9
                velocity += slope
                value -= 0.001 * velocity


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "eager", weights: str = "random", size: int | None = None,
         training: bool = False) -> Network:  # fmt: skip
    """The network with random weights, or those of an .npz file with w0, b0, w1, b1 … in order."""
    start(device)
    if weights == "pretrained":
        raise NotImplementedError("NumPy's networks have no pretrained weights: name an .npz file with --weights.")
    if weights != "random":
        saved = np.load(weights, allow_pickle=False)
        return Network([(saved[f"w{i}"].astype(precision), saved[f"b{i}"].astype(precision)) for i in range(len(saved) // 2)])
    random = np.random.default_rng(0)
    units = [int(np.prod(input_shape(task, model, size))), *models[task][model], 10]
    sizes = list(zip(units, units[1:]))
    return Network([((random.standard_normal(s) / s[0] ** 0.5).astype(precision), np.zeros(s[1], precision)) for s in sizes], training)


def matrix_product(device: str = "cpu", size: int = 512, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    start(device)
    a = np.random.default_rng(0).standard_normal((size, size)).astype(precision)
    out = np.empty_like(a)
    return (lambda: np.matmul(a, a, out=out)), lambda: None


def copy(device: str = "cpu", mb: int = 64):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    start(device)
    source = np.ones(mb * 2**18, np.float32)
    target = np.empty_like(source)
    return (lambda: np.copyto(target, source)), lambda: None


def small_call(device: str = "cpu"):
    """What adds two arrays of one number, which is next to nothing to do, and what waits for it."""
    start(device)
    one, out = np.ones(1, np.float32), np.empty(1, np.float32)
    return (lambda: np.add(one, one, out=out)), lambda: None


def gradients(layers, images: np.ndarray, labels: np.ndarray) -> tuple[float, list]:
    """The cross-entropy of images and their labels, and its slopes: as the layers, a (matrix, bias) each."""
    out, given = images.reshape(len(images), -1), []
    for layer, (matrix, bias) in enumerate(layers):
        given.append(np.maximum(out, 0) if layer else out)
        out = given[-1] @ matrix + bias
    rows = np.arange(len(out))
    out = out - out.max(axis=1, keepdims=True)  # the same probabilities, and no number too large
    sums = np.exp(out).sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(sums[:, 0]) - out[rows, labels]))
    slope = np.exp(out) / sums
    slope[rows, labels] -= 1
    slope /= len(out)
    slopes = []
    for (matrix, _), before in zip(reversed(layers), reversed(given)):
        slopes.append((before.T @ slope, slope.sum(axis=0)))
        slope = (slope @ matrix.T) * (before > 0) if before is not given[0] else None
    return loss, slopes[::-1]
