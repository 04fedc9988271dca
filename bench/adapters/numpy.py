"""NumPy on the CPU: small networks that run anywhere. The stand-in for a framework, in tests and on new machines."""

import numpy as np

packages = ("numpy",)  # any of these is the framework
libraries = ()
install = "pip install numpy"
modes = ("eager",)
precisions = ("float32", "float64")

canary = "MLP-1024"  # the network that shows whether the device drifts

# workload -> display name -> units of the hidden layers
models = {"classification": {"MLP-64": (64,), "MLP-1024": (1024,), "MLP-1024x2": (1024, 1024)}}


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    return (3, 32, 32)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before the framework is imported."""
    return {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def start(device: str = "cpu") -> None:
    """Import the framework, which here already is. Raises NotImplementedError where it can't use the device."""
    if device != "cpu":
        raise NotImplementedError("NumPy runs on the CPU only: use --device cpu, or another framework")
    np.ones((256, 256)) @ np.ones((256, 256))  # OpenBLAS takes its buffer now: under a memory limit it would try for ever


def load(model: str, device: str = "cpu", precision: str = "float32", weights: str = "random", mode: str = "eager"):
    """A list of (matrix, bias), one a layer, random or from an .npz file with w0, b0, w1, b1 … in order."""
    start(device)
    if weights == "pretrained":
        raise NotImplementedError("NumPy's networks have no pretrained weights: name an .npz file with --weights.")
    if weights != "random":
        saved = np.load(weights, allow_pickle=False)
        return [(saved[f"w{i}"].astype(precision), saved[f"b{i}"].astype(precision)) for i in range(len(saved) // 2)]
    random = np.random.default_rng(0)
    units = [int(np.prod(input_shape(model))), *models["classification"][model], 10]
    sizes = list(zip(units, units[1:]))
    return [((random.standard_normal(s) / s[0] ** 0.5).astype(precision), np.zeros(s[1], precision)) for s in sizes]


def prepare(network, model: str, batch_size: int):
    """What runs one batch, and what waits until the device is done with it."""
    random = np.random.default_rng(1)
    inputs = [random.standard_normal((batch_size, *input_shape(model))).astype(network[0][0].dtype) for _ in range(2)]

    def run():
        inputs.reverse()
        predict(network, inputs[0])

    return run, lambda: None


def predict(network, images: np.ndarray) -> np.ndarray:
    """Logits of normalized images, (batch, channels, height, width) -> (batch, classes)."""
    out = images.reshape(len(images), -1).astype(network[0][0].dtype, copy=False)
    for layer, (matrix, bias) in enumerate(network):
        out = (np.maximum(out, 0) if layer else out) @ matrix + bias
    return out


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


def load_training(model: str, device: str = "cpu", precision: str = "float32", mode: str = "eager"):
    """The network as it is trained, with random weights."""
    return load(model, device, precision)


def prepare_training(network, model: str, batch_size: int):
    """What runs one step (forward, backward, update), what waits for it, and what gives the last step's loss."""
    random = np.random.default_rng(1)
    inputs = [random.standard_normal((batch_size, *input_shape(model))).astype(network[0][0].dtype) for _ in range(2)]
    labels = np.arange(batch_size) % 10
    velocities = [(np.zeros_like(matrix), np.zeros_like(bias)) for matrix, bias in network]
    losses = [np.nan]

    def run():
        inputs.reverse()
        losses[0], slopes = gradients(network, inputs[0], labels)
        for values, moving, steepest in zip(network, velocities, slopes):
            for value, velocity, slope in zip(values, moving, steepest):
                velocity *= 0.9
                velocity += slope
                value -= 0.001 * velocity

    return run, lambda: None, lambda: losses[0]


def gradients(network, images: np.ndarray, labels: np.ndarray) -> tuple[float, list]:
    """The cross-entropy of images and their labels, and its slopes: as the network, a (matrix, bias) a layer."""
    out, given = images.reshape(len(images), -1), []
    for layer, (matrix, bias) in enumerate(network):
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
    for (matrix, _), before in zip(reversed(network), reversed(given)):
        slopes.append((before.T @ slope, slope.sum(axis=0)))
        slope = (slope @ matrix.T) * (before > 0) if before is not given[0] else None
    return loss, slopes[::-1]
