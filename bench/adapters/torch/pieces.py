"""Pieces of work that show what a device can do at most, in PyTorch: each function gives what runs one, and what waits for it."""

from bench.adapters import torch as adapter


def matrix_product(device: str = "cpu", size: int = 4096, precision: str = "float32"):
    """What multiplies two square matrices, and what waits for it."""
    where = adapter.start(device)
    import torch

    adapter.go_together(device, precision, "eager")
    from bench.adapters.torch import network

    network.allow_tf32(precision == "tf32")
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.float32)
    a = torch.rand(size, size, device=where).to(dtype)
    out = torch.empty_like(a)
    return (lambda: torch.mm(a, a, out=out)), _wait(where)


def copy(device: str = "cpu", mb: int = 256):
    """What copies `mb` times 2^20 bytes within the device's memory, and what waits for it."""
    where = adapter.start(device)
    import torch

    source = torch.ones(mb * 2**18, device=where)
    target = torch.empty_like(source)
    return (lambda: target.copy_(source)), _wait(where)


def _wait(where):
    import torch

    return torch.cuda.synchronize if where.type == "cuda" else lambda: None


def small_call(device: str = "cpu"):
    """What adds two tensors of one number, which is next to nothing to do, and what waits for it."""
    where = adapter.start(device)
    import torch

    one, out = torch.ones(1, device=where), torch.empty(1, device=where)
    return (lambda: torch.add(one, one, out=out)), _wait(where)
