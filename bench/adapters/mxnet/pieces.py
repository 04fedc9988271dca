"""Pieces of work that show what a device can do at most, in MXNet: each function gives what runs one, and what waits for it."""

from bench.adapters import mxnet as adapter


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    context = adapter.start(device)
    import mxnet as mx
    import numpy as np

    if precision not in {"cpu": ("float32", "bfloat16", "int8"), "gpu": ("float32", "float16")}[device]:
        raise NotImplementedError(f"MXNet has no product of two {precision} matrices on a {device.upper()}: use --precision float32")
    if precision == "int8":
        return _bytes_product(mx, np, size), mx.nd.waitall
    a = mx.nd.random.uniform(-1, 1, (size, size), ctx=context)
    if device == "cpu":  # a full layer without a bias goes through oneDNN as the networks do; dot is five times slower and knows no bfloat16
        a = a.astype(np.dtype([("bfloat16", np.uint16)]) if precision == "bfloat16" else precision)
        return (lambda: mx.nd.FullyConnected(a, a, no_bias=True, num_hidden=size)), mx.nd.waitall
    a = a.astype(precision)
    out = mx.nd.empty((size, size), ctx=context, dtype=precision)
    return (lambda: mx.nd.dot(a, a, out=out)), mx.nd.waitall


def _bytes_product(mx, np, size: int):
    """What multiplies bytes by weights of signed bytes, as the full layer of a quantized network does."""
    random = np.random.default_rng(0)
    images = mx.nd.array(random.integers(0, 256, (size, size)), dtype="uint8")
    weights = mx.nd.array(random.integers(-127, 128, (size, size)), dtype="int8")
    ranges = [mx.nd.array([end]) for end in (0, 1, -1, 1)]  # of the images' and the weights' numbers
    return lambda: mx.nd.contrib.quantized_fully_connected(images, weights, *ranges, num_hidden=size, no_bias=True, flatten=False)


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    context = adapter.start(device)
    import mxnet as mx

    source = mx.nd.ones(mb * 2**18, ctx=context)
    target = mx.nd.empty(mb * 2**18, ctx=context)
    return (lambda: source.copyto(target)), mx.nd.waitall


def small_call(device: str = "cpu"):
    """What adds two arrays of one number, which is next to nothing to do, and what waits for it."""
    context = adapter.start(device)
    import mxnet as mx

    one, out = mx.nd.ones(1, ctx=context), mx.nd.empty(1, ctx=context)
    return (lambda: mx.nd.elemwise_add(one, one, out=out)), mx.nd.waitall
