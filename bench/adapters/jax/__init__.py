"""JAX: the networks of Keras 3 on its JAX backend, compiled by XLA."""

import os

import numpy as np

from bench.adapters.jax import pieces
from bench.networks.lifelike import pictures

packages = ("jax",)
libraries = ("jaxlib", "keras", "numpy", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
install = "make results FRAMEWORK=jax installs it into .venv-jax, as it wants NumPy 2; elsewhere: pip install jax keras"
modes = ("compiled",)
precisions = ("float32", "tf32", "bfloat16", "float16")
trains = True
untuned = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_autotune_level=0".strip()}  # variables under which no algorithms are tried out
canary = "classification", "Keras-MobileNet"  # the network that shows whether the device drifts

# The names that readers know, with Keras' own and how its images are scaled. A network has the name of another adapter's only
# where the two have the same layers. Keras' ResNets have a bias in every convolution, its Inception no factor in its batch
# normalization, and its mobile networks pad at the bottom and the right alone: those are called Keras-.
NETWORKS = """
VGG-16 VGG16/caffe
VGG-19 VGG19/caffe
DenseNet-121 DenseNet121/torch
DenseNet-169 DenseNet169/torch
DenseNet-201 DenseNet201/torch
ConvNeXt-T ConvNeXtTiny/torch
ConvNeXt-S ConvNeXtSmall/torch
ConvNeXt-B ConvNeXtBase/torch
Keras-ResNet50 ResNet50/caffe
Keras-ResNet101 ResNet101/caffe
Keras-ResNet152 ResNet152/caffe
Keras-ResNet50V2 ResNet50V2/tf
Keras-ResNet101V2 ResNet101V2/tf
Keras-ResNet152V2 ResNet152V2/tf
Keras-InceptionV3 InceptionV3/tf
Keras-Xception Xception/tf
Keras-MobileNet MobileNet/tf
Keras-MobileNetV2 MobileNetV2/tf
Keras-MobileNetV3Small MobileNetV3Small/tf
Keras-MobileNetV3Large MobileNetV3Large/tf
Keras-NASNetMobile NASNetMobile/tf
Keras-EfficientNetB0 EfficientNetB0/pixels
Keras-EfficientNetB1 EfficientNetB1/pixels
Keras-EfficientNetV2B0 EfficientNetV2B0/torch
""".split()
models = {"classification": dict(zip(NETWORKS[::2], NETWORKS[1::2]))}
matrix_product, copy, small_call = pieces.matrix_product, pieces.copy, pieces.small_call

# What is measured unless others are named.
defaults = """
VGG-16 VGG-19 DenseNet-121 DenseNet-169 ConvNeXt-T Keras-ResNet50 Keras-ResNet101 Keras-ResNet152 Keras-ResNet50V2 Keras-InceptionV3
Keras-Xception Keras-MobileNet Keras-MobileNetV2 Keras-MobileNetV3Small Keras-MobileNetV3Large Keras-EfficientNetB0 Keras-EfficientNetV2B0
""".split()

SIDES = {"Keras-InceptionV3": 299, "Keras-Xception": 299, "Keras-EfficientNetB1": 240}  # of the images, where not 224

# On a GPU since Ampere JAX computes products and convolutions of float32 in TF32 unless it is told not to; float32 means
# float32 here. On a CPU, and in other formats, the level changes nothing.
LEVELS = {"float32": "highest", "tf32": "tensorfloat32"}

SCALINGS = {"caffe": "blue, green, red less 103.939 116.779 123.68", "tf": "-1 to 1", "pixels": "0 to 255",
            "torch": "mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225"}  # fmt: skip

MEAN, STD = (np.array(values, np.float32).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def input_shape(task: str, model: str, size: int | None = None) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    side = size or SIDES.get(model, 224)
    return (3, side, side)


def preprocessing(task: str, model: str, weights: str = "pretrained") -> dict:
    """How Keras' weights want images: `resize` of the short side, `crop`, `interpolation`, and what `scaled` then makes of their numbers.

    The sizes are those of the networks' makers: an eighth around the middle, and of EfficientNets 32 pixels, by bicubic interpolation.
    """
    name, _, scaling = models[task][model].partition("/")
    side = input_shape(task, model)[-1]
    efficient = name.startswith("EfficientNet")
    how = {"resize": side + 32 if efficient else round(side / 0.875), "crop": side, "interpolation": "bicubic" if efficient else "bilinear"}
    return {**how, "scaling": SCALINGS[scaling], **({"of": f"{name} of ImageNet, Keras {_keras().__version__}"} if weights == "pretrained" else {})}


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before JAX is imported."""
    return {
        "KERAS_BACKEND": "jax",
        # The size of XLA's pool of threads on a CPU; older releases know the second name alone.
        "PJRT_NPROC": str(threads),
        "NPROC": str(threads),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # else it takes three quarters of a GPU's memory, whatever the network needs
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.98",  # and else no more than these, so that the largest batch would be that of 75%
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # what another process compiled would make the first call look quick
    }


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record. XLA tries several algorithms on a GPU when it compiles."""
    return {"layout": "NHWC"} | ({"autotune": "on"} if device == "gpu" else {})


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    return [(precision, "compiled") for precision in (precisions if device == "gpu" else ("float32",))]


def usual_s(device: str, mode: str | None) -> dict[str, float]:
    """Seconds that are to be expected of what comes before the first timed call, which XLA compiles for."""
    return {"import_s": 3 if device == "cpu" else 6, "build_s": 6, "first_call_s": 6 if device == "cpu" else 20}


def go_together(device: str, precision: str, mode: str, training: bool = False) -> None:
    """Raises NotImplementedError where device, precision and mode do not."""
    _go_together(start(device), device, precision, training)
    _keras()


def start(device: str = "cpu"):
    """Import the framework; return its name for the device. Raises NotImplementedError where it can't use it."""
    import jax

    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")  # it takes no memory of a GPU that it does not use
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        raise NotImplementedError("JAX finds no GPU that it can use: pip install 'jax[cuda12]' where there is an NVIDIA driver, or use --device cpu") from error


def _keras():
    """Import Keras, which the networks need and the ceilings do not. Raises NotImplementedError where it is missing."""
    os.environ["KERAS_BACKEND"] = "jax"  # Keras looks at its import, and never again
    try:
        import keras
    except ModuleNotFoundError as error:
        raise NotImplementedError("the networks of JAX are those of Keras 3: pip install keras") from error
    keras.config.set_image_data_format("channels_last")  # a file of the user's may say otherwise
    keras.config.set_floatx("float32")
    return keras


class Network:
    """A network in its process: its weights on the device, what it is fed with, and what XLA compiles for each shape of input."""

    def __init__(self, module, where, precision: str, scaling: str):
        import jax

        self.module, self.where, self.precision, self.scaling = module, where, precision, scaling
        held = [variable.value for variable in module.trainable_variables], [variable.value for variable in module.non_trainable_variables]
        self.weights = jax.block_until_ready(jax.device_put(held, where))

        def forward(trainable, others, images):
            # Inside what is compiled, so that two networks of one process can have two levels.
            with jax.default_matmul_precision(LEVELS.get(precision, "default")):
                return module.stateless_call(trainable, others, images, training=False)[0]

        self._compiled = jax.jit(forward)
        self._batches: list[tuple] = []
        self._last = None

    def feed(self, batches) -> None:
        """What `run` takes in turn, on the device: tuples of arrays, (batch, …); in training the last array holds the labels."""
        import jax

        self._batches, self._last = [], None
        self._batches = [(self._images(images), *(jax.device_put(labels, self.where) for labels in rest)) for images, *rest in batches]

    def feed_repeated(self, batches, count: int) -> None:
        """The same, with the items of each array again and again until there are `count`: on the device, which has the room and the speed for it."""
        import jax

        self.feed(batches)
        repeated = jax.jit(lambda array: array[jax.numpy.arange(count) % len(array)])
        self._batches = [tuple(map(repeated, arrays)) for arrays in self._batches]

    def run(self) -> None:
        """Queue one call: a device goes through its queue in order."""
        self._batches.append(self._batches.pop(0))
        self._last = self._compiled(*self.weights, self._batches[0][0])

    def wait(self) -> None:
        """Wait until the device is done with the last call."""
        import jax

        jax.block_until_ready(self._last)

    def answers(self, inputs) -> tuple[np.ndarray, ...]:
        """Logits, (batch, classes), of normalized images, (batch, channels, height, width)."""
        return (np.asarray(self._compiled(*self.weights, self._images(inputs[0]))).astype(np.float32),)

    def compilations(self):
        """What tells how often XLA has compiled since this was asked."""
        import jax

        count = [0]

        def heard(event: str, *_, **__):
            count[0] += event == "/jax/core/compile/backend_compile_duration"

        jax.monitoring.register_event_duration_secs_listener(heard)
        return lambda: count[0]

    def allocator_peak_mb(self) -> float | None:
        """Peak of XLA's allocator on the GPU since the process began; on a CPU it keeps no count."""
        return (self.where.memory_stats() or {}).get("peak_bytes_in_use", 0) / 2**20 or None

    def _images(self, normalized: np.ndarray):
        """Normalized images, (batch, channels, height, width), on the device as the network wants them: (batch, height, width, channels)."""
        import jax

        return jax.block_until_ready(jax.device_put(scaled(normalized, self.scaling).astype(self.module.compute_dtype), self.where))


class Trained(Network):
    """A network that learns: a call is a step."""

    def feed(self, batches) -> None:
        """As Network's, from the same weights each time."""
        import jax

        super().feed(batches)

        def loss(trainable, others, images, labels):
            logits, others = self.module.stateless_call(trainable, others, images, training=True)
            return -jax.nn.log_softmax(logits)[jax.numpy.arange(len(labels)), labels].mean(), others

        def step(trainable, others, velocities, images, labels):
            with jax.default_matmul_precision(LEVELS[self.precision]):
                (value, others), slopes = jax.value_and_grad(loss, has_aux=True)(trainable, others, images, labels)
            velocities = [0.9 * velocity + slope for velocity, slope in zip(velocities, slopes)]
            return [weight - 0.001 * velocity for weight, velocity in zip(trainable, velocities)], others, velocities, value

        self._update = jax.jit(step, donate_argnums=(0, 1, 2))  # new weights take the place of the old
        self._state = [*jax.tree.map(jax.numpy.copy, self.weights), jax.tree.map(jax.numpy.zeros_like, self.weights[0])]

    def run(self) -> None:
        """Queue one step: forward, backward, update."""
        self._batches.append(self._batches.pop(0))
        *self._state, self._last = self._update(*self._state, *self._batches[0])

    def begin_chance_anew(self) -> None:
        """What dropout leaves out from here on is always the same: Keras keeps its seeds among what is not trained."""
        import jax

        held, now = self.weights[1], self._state[1]
        is_seed = ["seed" in variable.path for variable in self.module.non_trainable_variables]
        self._state[1] = [jax.numpy.copy(first) if seed else value for seed, first, value in zip(is_seed, held, now)]

    def loss(self) -> float:
        """The cross-entropy of the last step."""
        return float(self._last)


def scaled(normalized: np.ndarray, scaling: str) -> np.ndarray:
    """The same images, channels last, in the range that a network of Keras was trained with; `pixels` means 0 to 255."""
    pixels = np.ascontiguousarray(((normalized * STD + MEAN) * 255).transpose(0, 2, 3, 1), np.float32)
    return pixels if scaling == "pixels" else _keras().applications.imagenet_utils.preprocess_input(pixels, mode=scaling)


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "compiled", weights: str = "random", size: int | None = None,
         training: bool = False) -> Network:  # fmt: skip
    """The network on its device, with random weights, pretrained ones (downloads), or those in a .weights.h5 file."""
    where = start(device)
    import jax

    _go_together(where, device, precision, training)
    shape = input_shape(task, model, size)
    low = precision if precision in ("bfloat16", "float16") else None
    name, _, scaling = models[task][model].partition("/")
    with jax.default_device(jax.devices("cpu")[0]):  # so that every device is given the same random weights
        module = build(name, shape, "imagenet" if weights == "pretrained" else None if weights == "random" else weights)
        if weights == "random":
            images = pictures(shape, 4, np.random.default_rng(1))
            _let_answers_differ(module, scaled(images, scaling), training)
        if low:  # Keras recommends a network of 16-bit weights for inference; the same weights, rounded
            full, module = module, build(name, shape, None, low)
            module.set_weights(full.get_weights())
    return (Trained if training else Network)(module, where, precision, scaling)


def _go_together(where, device: str, precision: str, training: bool = False) -> None:
    """Raises NotImplementedError for what does not."""
    if training and precision not in LEVELS:
        raise NotImplementedError(f"JAX is trained here in float32 and tf32, not in {precision}: use --framework torch")
    if device == "cpu" and precision != "float32":
        why = "tf32 is a format of GPUs" if precision == "tf32" else f"XLA turns {precision} into float32 on a CPU and computes in that"
        raise NotImplementedError(f"{why}: use --precision float32")
    if device == "gpu" and precision in ("tf32", "bfloat16") and float(getattr(where, "compute_capability", 8)) < 8:
        raise NotImplementedError(f"{precision} needs an Ampere GPU or a newer one (compute capability 8.0): use float16 or float32 on this one")


def build(name: str, shape: tuple[int, ...], weights: str | None = None, policy: str = "float32"):
    """Keras' network with its logits, not their softmax, and without the layers that scale pixels where it can be had so."""
    import inspect

    keras = _keras()
    constructor = getattr(keras.applications, name)
    options = {"include_preprocessing": False} if "include_preprocessing" in inspect.signature(constructor).parameters else {}
    _, *sides = shape
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        return constructor(weights=weights, input_shape=(*sides, 3), classifier_activation=None, **options)
    finally:
        keras.config.set_dtype_policy("float32")


def _let_answers_differ(module, images: np.ndarray, training: bool) -> None:
    """Give batch normalization the statistics of what comes, as it has in a trained network; else answers fade to 1e-10 with depth.

    Its bias is 1, but for training: with 0 half of all numbers are cut off at each layer, and rounding grows with depth as it does in no
    trained network. In training 1 would make the first steps of a deep network too large for its loss to fall.
    """
    import jax
    import keras

    norms = [layer for layer in module.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # what comes, and nothing of what was
        if norm.center and not training:
            norm.beta.assign(np.ones(norm.beta.shape))
    dropouts = [layer for layer in module.layers if isinstance(layer, keras.layers.Dropout)]
    rates = [layer.rate for layer in dropouts]
    for layer in dropouts:
        layer.rate = 0.0
    learn = jax.jit(lambda trainable, others, images: module.stateless_call(trainable, others, images, training=True)[1])
    variables = module.non_trainable_variables
    for variable, value in zip(variables, learn([v.value for v in module.trainable_variables], [v.value for v in variables], images)):
        variable.assign(value)
    for layers, name, values in ((norms, "momentum", usual), (dropouts, "rate", rates)):
        for layer, value in zip(layers, values):
            setattr(layer, name, value)
