"""What the networks are: parameters, multiply-adds and activations of each, counted in every framework that has it.

    python -m bench.networks          count the networks of MXNet and PyTorch anew and write bench/networks.csv

A display name stands for one network: where two frameworks have it, their counts are the same, or the command says which
differ, and one of them needs another name.
"""

import csv
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench import adapters
from dlmark.process import ProcessEnded, run_in_process
from dlmark.progress import progress

TABLE = Path(__file__).with_name("networks.csv")


class Counts(NamedTuple):
    """Of one network: learned numbers; and for one image multiply-adds and outputs of all convolutions and matrix products."""

    parameters: int
    multiply_adds: int
    activations: int


@cache
def table() -> dict[str, Counts]:
    """The counts by display name, as they lie in networks.csv."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        return {row["model"]: Counts(*(int(row[name]) for name in Counts._fields)) for row in csv.DictReader(file)}


def of_mxnet(models: list[str]) -> Iterator[tuple[str, Counts]]:
    """Count MXNet's: from the graph, whose shapes it infers."""
    import json

    import numpy as np

    adapter = adapters.get("mxnet")
    for model in models:
        network = adapter.load(model)
        shape = (1, *adapter.input_shape(model))
        adapter.predict(network, np.zeros(shape, np.float32))  # after it all shapes are known
        import mxnet as mx

        graph = network(mx.sym.var("data"))
        graph = graph[0] if isinstance(graph, (list, tuple)) else graph
        inside = graph.get_internals()
        _, shapes, _ = inside.infer_shape(data=shape)
        shape_of = dict(zip(inside.list_outputs(), shapes))
        products = outputs = 0
        nodes = json.loads(graph.tojson())["nodes"]
        for node in nodes:
            if node["op"] not in ("Convolution", "FullyConnected"):
                continue
            out, weight = shape_of[f"{node['name']}_output"], shape_of[nodes[node["inputs"][1][0]]["name"]]
            outputs += int(np.prod(out))
            # An output of a convolution takes a product for each weight of its filter; one of a full layer for each input.
            products += int(np.prod(out)) * int(np.prod(weight[1:]))
        learned = [p for p in network.collect_params().values() if p.grad_req != "null"]
        yield model, Counts(sum(int(np.prod(p.shape)) for p in learned), products, outputs)


def of_torch(models: list[str]) -> Iterator[tuple[str, Counts]]:
    """Count PyTorch's: multiply-adds by its own counter, attention included."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    adapter = adapters.get("torch")
    for model in models:
        module = adapter.load(model, mode="eager-nchw").module
        outputs: list[int] = []
        layers = [part for part in module.modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
        hooks = [part.register_forward_hook(lambda part, given, out: outputs.append(out.numel())) for part in layers]
        # The counter lacks the fused kernel that a CPU takes for attention; the plain one is two matrix products, which it has.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, *adapter.input_shape(model)))
        for hook in hooks:
            hook.remove()
        yield model, Counts(sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2, sum(outputs))


COUNTERS = {"mxnet": of_mxnet, "torch": of_torch}


def count(framework: str, models: list[str]) -> Iterator[tuple[str, Counts]]:
    """The counts of some networks of a framework, in a process of its own; a network that can't be built is left out, and said."""
    left = list(models)
    while left:
        try:
            for model, counts in run_in_process(COUNTERS[framework], left, silence_s=300, environment=adapters.get(framework).environment(1)):
                left = left[left.index(model) + 1 :]
                yield model, counts
            return
        except ProcessEnded as end:
            print(f"{framework} {left[0]}: {end.reason}", file=sys.stderr)
            left = left[1:]


def differing(found: dict[str, dict[str, Counts]]) -> list[str]:
    """A line for each network, by name and framework, that is not the same in all frameworks."""
    return [f"{model}: " + "; ".join(f"{framework} {counts}" for framework, counts in own.items())
            for model, own in found.items() if len(set(own.values())) > 1]  # fmt: skip


def main() -> int:
    """Count all networks and write the table. Returns 1, and writes nothing, where a name stands for two networks."""
    found: dict[str, dict[str, Counts]] = {}
    for framework in COUNTERS:
        models = list(adapters.get(framework).models["classification"])
        with progress(len(models)) as show:
            for model, counts in count(framework, models):
                show.at(model)
                show.advance(1)
                found.setdefault(model, {})[framework] = counts
    if wrong := differing(found):
        print("These names stand for different networks; give one of each another name:", *wrong, sep="\n", file=sys.stderr)
        return 1
    with open(TABLE, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["model", *Counts._fields, "counted_in"])
        rows.writerows([model, *next(iter(own.values())), " ".join(own)] for model, own in sorted(found.items()))
    print(f"{len(found)} networks in {TABLE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
