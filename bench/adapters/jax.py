"""JAX: the networks of Keras 3 on its JAX backend, compiled by XLA."""

import os

import numpy as np

packages = ("jax",)
libraries = ("jaxlib", "keras", "numpy")
install = "make results FRAMEWORK=jax installs it into .venv-jax, as it wants NumPy 2; elsewhere: pip install jax keras"
modes = ("compiled",)
precisions = ("float32", "tf32", "bfloat16", "float16")
canary = "Keras-MobileNet"  # the network that shows whether the device drifts

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

# What is measured unless others are named.
defaults = """
VGG-16 VGG-19 DenseNet-121 DenseNet-169 ConvNeXt-T Keras-ResNet50 Keras-ResNet101 Keras-ResNet152 Keras-ResNet50V2 Keras-InceptionV3
Keras-Xception Keras-MobileNet Keras-MobileNetV2 Keras-MobileNetV3Small Keras-MobileNetV3Large Keras-EfficientNetB0 Keras-EfficientNetV2B0
""".split()

SIDES = {"Keras-InceptionV3": 299, "Keras-Xception": 299, "Keras-EfficientNetB1": 240}  # of the images, where not 224

# On a GPU since Ampere JAX computes products and convolutions of float32 in TF32 unless it is told not to; float32 means
# float32 here. On a CPU, and in other formats, the level changes nothing.
LEVELS = {"float32": "highest", "tf32": "tensorfloat32"}

MEAN, STD = (np.array(values, np.float32).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def input_shape(model: str) -> tuple[int, ...]:
    """Channels, height and width of one input."""
    side = SIDES.get(model, 224)
    return (3, side, side)


def environment(threads: int) -> dict[str, str]:
    """Variables that must be set before JAX is imported."""
    return {
        "KERAS_BACKEND": "jax",
        # The size of XLA's pool of threads on a CPU; older releases know the second name alone.
        "PJRT_NPROC": str(threads),
        "NPROC": str(threads),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # else it takes three quarters of a GPU's memory, whatever the network needs
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # what another process compiled would make the first call look quick
    }


def settings(device: str, precision: str, mode: str) -> dict[str, str]:
    """What is chosen that changes speed, as fields of the record. XLA tries several algorithms on a GPU when it compiles."""
    return {"layout": "NHWC"} | ({"autotune": "on"} if device == "gpu" else {})


def combinations(device: str) -> list[tuple[str, str]]:
    """The pairs of precision and mode that are worth knowing, the usual one first."""
    return [(precision, "compiled") for precision in (precisions if device == "gpu" else ("float32",))]


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
    """A network as it is measured: its weights on the device, and what XLA compiles for each shape of input."""

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

    def __call__(self, images):
        """Logits, (batch, classes), of images that lie on the device."""
        return self._compiled(*self.weights, images)

    def images(self, normalized: np.ndarray):
        """Normalized images, (batch, channels, height, width), on the device as the network wants them: (batch, height, width, channels)."""
        import jax

        return jax.block_until_ready(jax.device_put(scaled(normalized, self.scaling).astype(self.module.compute_dtype), self.where))


def scaled(normalized: np.ndarray, scaling: str) -> np.ndarray:
    """The same images, channels last, in the range that a network of Keras was trained with; `pixels` means 0 to 255."""
    pixels = np.ascontiguousarray(((normalized * STD + MEAN) * 255).transpose(0, 2, 3, 1), np.float32)
    return pixels if scaling == "pixels" else _keras().applications.imagenet_utils.preprocess_input(pixels, mode=scaling)


def load(model: str, device: str = "cpu", precision: str = "float32", weights: str = "random", mode: str = "compiled"):
    """The network on its device, with random weights, pretrained ones (downloads), or those in a .weights.h5 file."""
    where = start(device)
    import jax

    _go_together(where, device, precision)
    low = precision if precision in ("bfloat16", "float16") else None
    scaling = models["classification"][model].partition("/")[2]
    with jax.default_device(jax.devices("cpu")[0]):  # so that every device is given the same random weights
        module = build(model, "imagenet" if weights == "pretrained" else None if weights == "random" else weights)
        if weights == "random":
            images = np.random.default_rng(1).standard_normal((4, *input_shape(model)), dtype=np.float32)
            _let_answers_differ(module, scaled(images, scaling))
        if low:  # Keras recommends a network of 16-bit weights for inference; the same weights, rounded
            full, module = module, build(model, None, low)
            module.set_weights(full.get_weights())
    return Network(module, where, precision, scaling)


def _go_together(where, device: str, precision: str) -> None:
    """Raises NotImplementedError for what does not."""
    if device == "cpu" and precision != "float32":
        why = "tf32 is a format of GPUs" if precision == "tf32" else f"XLA turns {precision} into float32 on a CPU and computes in that"
        raise NotImplementedError(f"{why}: use --precision float32")
    if device == "gpu" and precision in ("tf32", "bfloat16") and float(getattr(where, "compute_capability", 8)) < 8:
        raise NotImplementedError(f"{precision} needs an Ampere GPU or a newer one (compute capability 8.0): use float16 or float32 on this one")


def build(model: str, weights: str | None = None, policy: str = "float32"):
    """Keras' network with its logits, not their softmax, and without the layers that scale pixels where it can be had so."""
    import inspect

    keras = _keras()
    constructor = getattr(keras.applications, models["classification"][model].partition("/")[0])
    options = {"include_preprocessing": False} if "include_preprocessing" in inspect.signature(constructor).parameters else {}
    _, *sides = input_shape(model)
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        return constructor(weights=weights, input_shape=(*sides, 3), classifier_activation=None, **options)
    finally:
        keras.config.set_dtype_policy("float32")


def _let_answers_differ(module, images: np.ndarray) -> None:
    """Give batch normalization the statistics of what comes, as it has in a trained network; else answers fade to 1e-10 with depth."""
    import jax
    import keras

    norms = [layer for layer in module.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # what comes, and nothing of what was
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


def prepare(network: Network, model: str, batch_size: int):
    """What runs one batch, and what waits until the device is done with it."""
    random = np.random.default_rng(3)
    inputs = [network.images(random.uniform(-1, 1, (batch_size, *input_shape(model))).astype(np.float32)) for _ in range(2)]

    def call():
        inputs.reverse()
        return network(inputs[0])

    return _queued(call)


def _queued(call):
    """What queues `call`, and what waits for the last: a device goes through its queue in order."""
    import jax

    last = [None]

    def run():
        last[0] = call()

    return run, lambda: jax.block_until_ready(last[0])


def predict(network: Network, images: np.ndarray) -> np.ndarray:
    """Logits of normalized images, (batch, channels, height, width) -> (batch, classes), as NumPy arrays."""
    return np.asarray(network(network.images(images))).astype(np.float32)


def compilations(network: Network):
    """How often XLA has compiled since this was asked."""
    import jax

    count = [0]

    def heard(event: str, *_, **__):
        count[0] += event == "/jax/core/compile/backend_compile_duration"

    jax.monitoring.register_event_duration_secs_listener(heard)
    return lambda: count[0]


def allocator_peak_mb(network: Network) -> float | None:
    """Peak of XLA's allocator on the GPU since the process began; on a CPU it keeps no count."""
    return (network.where.memory_stats() or {}).get("peak_bytes_in_use", 0) / 2**20 or None


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    where = start(device)
    import jax

    _go_together(where, device, precision)
    dtype = precision if precision in ("bfloat16", "float16") else "float32"
    a = jax.device_put(np.random.default_rng(0).random((size, size), np.float32), where).astype(dtype)
    multiply = jax.jit(lambda a: jax.numpy.matmul(a, a, precision=LEVELS.get(precision, "default")))
    return _queued(lambda: multiply(a))


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    source = _ones(device, mb * 2**18)
    import jax

    duplicate = jax.jit(jax.numpy.copy)
    return _queued(lambda: duplicate(source))


def small_call(device: str = "cpu"):
    """What adds two arrays of one number, which is next to nothing to do, and what waits for it."""
    one = _ones(device, 1)
    import jax

    add = jax.jit(jax.numpy.add)
    return _queued(lambda: add(one, one))


def _ones(device: str, count: int):
    where = start(device)
    import jax

    return jax.device_put(np.ones(count, np.float32), where)


def load_training(model: str, device: str = "cpu", precision: str = "float32", mode: str = "compiled"):
    """The network as it is trained, with random float32 weights."""
    if precision not in ("float32", "tf32"):
        raise NotImplementedError(f"JAX is trained here in float32 and tf32, not in {precision}: use --framework torch")
    return load(model, device, precision)


def prepare_training(network: Network, model: str, batch_size: int):
    """What runs one step (forward, backward, update), what waits for it, and what gives the last step's loss."""
    import jax

    random = np.random.default_rng(3)
    inputs = [network.images(random.uniform(-1, 1, (batch_size, *input_shape(model))).astype(np.float32)) for _ in range(2)]
    labels = jax.device_put(np.arange(batch_size) % 10, network.where)

    def loss(trainable, others, images):
        logits, others = network.module.stateless_call(trainable, others, images, training=True)
        return -jax.nn.log_softmax(logits)[jax.numpy.arange(batch_size), labels].mean(), others

    def step(trainable, others, velocities, images):
        with jax.default_matmul_precision(LEVELS[network.precision]):
            (value, others), slopes = jax.value_and_grad(loss, has_aux=True)(trainable, others, images)
        velocities = [0.9 * velocity + slope for velocity, slope in zip(velocities, slopes)]
        return [weight - 0.001 * velocity for weight, velocity in zip(trainable, velocities)], others, velocities, value

    update = jax.jit(step, donate_argnums=(0, 1, 2))  # new weights take the place of the old
    state = [*jax.tree.map(jax.numpy.copy, network.weights), jax.tree.map(jax.numpy.zeros_like, network.weights[0])]
    losses = [None]

    def run():
        inputs.reverse()
        *state[:], losses[0] = update(*state, inputs[0])

    return run, lambda: jax.block_until_ready(state), lambda: float(losses[0])
