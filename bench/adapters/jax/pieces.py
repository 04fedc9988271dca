"""Pieces of work that show what a device can do at most, in JAX: each function gives what runs one, and what waits for it."""

import numpy as np

from bench.adapters import jax as adapter


def queued(call):
    """What queues `call`, and what waits for the last: a device goes through its queue in order."""
    import jax

    last = [None]

    def run():
        last[0] = call()

    return run, lambda: jax.block_until_ready(last[0])


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    where = adapter.start(device)
    import jax

    adapter._go_together(where, device, precision)
    dtype = precision if precision in ("bfloat16", "float16") else "float32"
    a = jax.device_put(np.random.default_rng(0).random((size, size), np.float32), where).astype(dtype)
    multiply = jax.jit(lambda a: jax.numpy.matmul(a, a, precision=adapter.LEVELS.get(precision, "default")))
    return queued(lambda: multiply(a))


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    source = _ones(device, mb * 2**18)
    import jax

    duplicate = jax.jit(jax.numpy.copy)
    return queued(lambda: duplicate(source))


def small_call(device: str = "cpu"):
    """What adds two arrays of one number, which is next to nothing to do, and what waits for it."""
    one = _ones(device, 1)
    import jax

    add = jax.jit(jax.numpy.add)
    return queued(lambda: add(one, one))


def _ones(device: str, count: int):
    where = adapter.start(device)
    import jax

    return jax.device_put(np.ones(count, np.float32), where)
