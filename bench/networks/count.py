"""What the networks are: parameters, multiply-adds and activations of each, counted in every framework that has it.

    python -m bench.networks                     count the networks of MXNet, PyTorch and JAX, as far as they are installed
    python -m bench.networks --framework jax     those of one of them

Both write bench/networks/networks.csv, and keep what it holds of the frameworks that they do not count: JAX lives in .venv-jax, the
others in .venv, so each has a run of its own. A display name stands for one network: where two frameworks have it, their counts
are the same, or the command says which differ, and one of them needs another name. After a change of what is counted, delete
the table first, lest the new counts be held against the old.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from functools import cache
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import adapters
from bench.run import scripts
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.terminal.progress import progress

TABLE = Path(__file__).with_name("networks.csv")


class Counts(NamedTuple):
    """Of one network: learned numbers; and for one image multiply-adds and outputs of all convolutions and matrix products."""

    parameters: int
    multiply_adds: int
    activations: int


@cache
def table() -> dict[str, Counts]:
    """The counts by display name, as they lie in networks.csv."""
    return {row["model"]: _counts(row) for row in _rows(TABLE)}


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _counts(row: dict[str, str]) -> Counts:
    return Counts(*(int(row[name]) for name in Counts._fields))


def _one_item(adapter, task: str, model: str) -> tuple[np.ndarray, ...]:
    """What goes in, as the task makes it."""
    return scripts.task(task).inputs(adapter.input_shape(task, model), 1, np.random.default_rng(0))


def of_mxnet(task: str, models: list[str]) -> Iterator[tuple[str, Counts]]:
    """Count MXNet's: from the graph, whose shapes it infers."""
    adapter = adapters.get("mxnet")
    for model in models:
        loaded = adapter.load(task, model)
        inputs = _one_item(adapter, task, model)
        loaded.answers(inputs)  # after it all shapes are known
        network, names = loaded.block, adapter.input_names(len(inputs))
        import mxnet as mx

        graph = network(*map(mx.sym.var, names))
        graph = graph[0] if isinstance(graph, (list, tuple)) else graph
        inside = graph.get_internals()
        _, shapes, _ = inside.infer_shape(**{name: array.shape for name, array in zip(names, inputs)})
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


def of_torch(task: str, models: list[str]) -> Iterator[tuple[str, Counts]]:
    """Count PyTorch's: multiply-adds by its own counter, attention included."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    adapter = adapters.get("torch")
    for model in models:
        module = adapter.load(task, model, mode="eager-nchw").module
        outputs: list[int] = []
        layers = [part for part in module.modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
        hooks = [part.register_forward_hook(lambda part, given, out: outputs.append(out.numel())) for part in layers]
        # The counter lacks the fused kernel that a CPU takes for attention; the plain one is two matrix products, which it has.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            module(*map(torch.from_numpy, _one_item(adapter, task, model)))
        for hook in hooks:
            hook.remove()
        yield model, Counts(sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2, sum(outputs))


def of_jax(task: str, models: list[str]) -> Iterator[tuple[str, Counts]]:
    """Count JAX's, which are Keras': from the shapes of their layers."""
    adapter = adapters.get("jax")
    adapter.start("cpu")
    for model in models:
        network = adapter.build(adapter.models[task][model].partition("/")[0], adapter.input_shape(task, model))
        work = [of_keras_layer(layer) for layer in _layers(network)]
        yield model, Counts(sum(prod(weight.shape) for weight in network.trainable_weights), *map(sum, zip(*work)))


def _layers(network) -> Iterator:
    for layer in network.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else [layer]


def of_keras_layer(layer) -> tuple[int, int]:
    """Multiply-adds and outputs of a layer of Keras, channels last. Raises TypeError for one whose weights it can't tell the use of."""
    from keras import layers

    kernels = [weight.shape for weight in layer.trainable_weights if len(weight.shape) > 1]  # no bias, no factor of a channel
    if not kernels:
        return 0, 0
    if not isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Dense)):
        raise TypeError(f"no rule counts the layer {layer.name}, a {type(layer).__name__}: of_keras_layer needs one")
    _, *places, channels = layer.output.shape
    if isinstance(layer, layers.SeparableConv2D):  # two convolutions, of which the first has outputs too
        channels += prod(layer.depthwise_kernel.shape[2:])
    return prod(places) * sum(map(prod, kernels)), prod(places) * channels  # each place takes a product for each weight


COUNTERS = {"mxnet": of_mxnet, "torch": of_torch, "jax": of_jax}


def count(framework: str, task: str, models: list[str]) -> Iterator[tuple[str, Counts]]:
    """The counts of some networks of a framework and task, in a process of its own; a network that can't be built is left out, and said."""
    left = list(models)
    while left:
        try:
            for model, counts in run_in_process(COUNTERS[framework], task, left, silence_s=300, environment=adapters.get(framework).environment(1)):
                left = left[left.index(model) + 1 :]
                yield model, counts
            return
        except ProcessEnded as end:
            print(f"{framework} {left[0]}: {end.reason}", file=sys.stderr)
            left = left[1:]


def counts_of(framework: str, models: list[tuple[str, str]]) -> Iterator[tuple[str, Counts]]:
    """The same of networks of several tasks."""
    for task in dict.fromkeys(task for task, _ in models):
        yield from count(framework, task, [model for own, model in models if own == task])


def differing(found: dict[str, dict[str, Counts]]) -> list[str]:
    """A line for each network, by name and framework, that is not the same in all frameworks."""
    return [f"{model}: " + "; ".join(f"{framework} {counts}" for framework, counts in own.items())
            for model, own in found.items() if len(set(own.values())) > 1]  # fmt: skip


def merged(counted: dict[str, dict[str, Counts]], path: Path) -> dict[str, dict[str, Counts]]:
    """By name and framework: what was `counted`, by framework and name, and what the table holds of the other frameworks."""
    found: dict[str, dict[str, Counts]] = {}
    for row in _rows(path) if path.exists() else ():
        for framework in set(row["counted_in"].split()) - set(counted):
            found.setdefault(row["model"], {})[framework] = _counts(row)
    for framework, own in counted.items():
        for model, counts in own.items():
            found.setdefault(model, {})[framework] = counts
    return found


def write(found: dict[str, dict[str, Counts]], path: Path) -> None:
    """The table of counts by name and framework, the same in all frameworks."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["model", *Counts._fields, "counted_in"])
        for model, own in sorted(found.items()):
            rows.writerow([model, *next(iter(own.values())), " ".join(framework for framework in COUNTERS if framework in own)])


def main(words: list[str] | None = None) -> int:
    """Count networks and write the table. Returns 1, and writes nothing, where a name stands for two networks."""
    parser = argparse.ArgumentParser(prog="python -m bench.networks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name in COUNTERS if adapters.version(adapters.get(name))]
    parser.add_argument("--framework", choices=installed, help="one that is installed here (default: all that are)")
    chosen = parser.parse_args(words).framework
    counted: dict[str, dict[str, Counts]] = {}
    for framework in [chosen] if chosen else installed:
        models = [(task, model) for task, own in adapters.get(framework).models.items() for model in own]
        counted[framework] = {}
        with progress(len(models)) as show:
            for model, counts in counts_of(framework, models):
                show.at(model)
                show.advance(1)
                counted[framework][model] = counts
    found = merged(counted, TABLE)
    if wrong := differing(found):
        print("These names stand for different networks; give one of each another name:", *wrong, sep="\n", file=sys.stderr)
        return 1
    write(found, TABLE)
    print(f"{len(found)} networks in {TABLE.name}, of which {len(set().union(*counted.values()))} were counted in {' and '.join(counted)}")
    return 0
