"""How far the gate's answers are off in tf32, float16 and bfloat16: emulated, so that a CPU tells what a GPU's limits have to let through.

    python tests/perf/gate_rounding.py [MODEL ...]

Each network of PyTorch's adapter answers the gate's pictures in float32, and again with the inputs and weights of each convolution and full
layer rounded to the format; for the formats of 16 bits what comes out of each layer is rounded too. Sums are float32's, as the hardware's are.
Attention's own products are not rounded.
"""

import argparse
import sys
from copy import deepcopy
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.adapters import torch as adapter
from bench.cnn import TASK, compare
from bench.run.gate import GATE_ITEMS


def tf32(tensor):
    """With 10 bits behind the point, to the nearest, in the middle to the even one."""
    import torch

    bits = tensor.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


ROUNDED = {"tf32": tf32, "float16": lambda tensor: tensor.half().float(), "bfloat16": lambda tensor: tensor.bfloat16().float()}


def rounded_network(module, precision: str):
    """A copy that computes as in the format."""
    import torch

    rounded, copy = ROUNDED[precision], deepcopy(module)
    for part in copy.modules():
        if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear)):
            part.weight.data = rounded(part.weight.data)
            part.register_forward_pre_hook(lambda _, inputs: tuple(map(rounded, inputs)))
        if precision != "tf32" and not list(part.children()):
            part.register_forward_hook(lambda _, inputs, found: rounded(found) if torch.is_tensor(found) and found.is_floating_point() else found)
    return copy


def emulated(model: str) -> dict[str, dict]:
    """Precision -> the gate's fields, and under `spread` how far the answers to different pictures are apart, as a share of the largest."""
    import numpy as np
    import torch

    module = adapter.load(TASK.name, model).module.to(memory_format=torch.contiguous_format)
    (pictures,) = map(torch.from_numpy, TASK.gate_inputs(adapter.input_shape(TASK.name, model)))
    with torch.no_grad():
        right = module(pictures).numpy()
        found = {precision: compare((rounded_network(module, precision)(pictures).numpy(),), (right,), precision) for precision in ROUNDED}
    return found | {"spread": float(np.abs(right - right.mean(0)).max() / np.abs(right).max()), "firsts": len(set(right.argmax(1)))}


def main() -> None:
    """Print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=adapter.defaults)
    opts = parser.parse_args()
    print(f"{'network':26}" + "".join(f"{precision:>10} same" for precision in ROUNDED) + f"   spread  first answers of {GATE_ITEMS}")
    for model in opts.models:
        found = emulated(model)
        numbers = "".join(f"{found[precision]['gate_error']:10.2g} {found[precision]['gate_agreement']:4.0%}" for precision in ROUNDED)
        print(f"{model:26}{numbers}  {found['spread']:7.2f}  {found['firsts']}", flush=True)


if __name__ == "__main__":
    main()
