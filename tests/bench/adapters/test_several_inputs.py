"""A network of two inputs, one of them whole numbers, and two answers: fed, run, answered and exported by every adapter that has such."""

import numpy as np
import pytest

from bench import adapters
from bench.networks import onnx_files
from dlmark.measure.process import run_in_process


def needs(*names):
    missing = [name for name in names if adapters.version(adapters.get(name)) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


def inputs(count):
    """Clips, and how long each is."""
    return np.random.default_rng(count).standard_normal((count, 4), dtype=np.float32), np.arange(1, count + 1)


def of_torch():
    """Twice the clips, and each one's sum times its length."""
    import torch

    from bench.adapters.torch.network import Network

    class Two(torch.nn.Module):
        def forward(self, clips, lengths):
            return 2 * clips, clips.sum(1) * lengths

    return Network(Two(), torch.device("cpu"), "float32", "eager")


def of_mxnet():
    """The same."""
    adapter = adapters.get("mxnet")
    context = adapter.start("cpu")
    import mxnet as mx

    class Two(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, clips, lengths):
            return 2 * clips, F.broadcast_mul(F.sum(clips, axis=1), F.reshape(lengths, (-1,)))

    return adapter.Network(Two(), context, "float32", None)


def read_by(framework, file):
    """The network of a file."""
    adapter = adapters.get(framework)
    return adapter.load("classification", "SqueezeNet-1.1", weights=str(file))


def run_and_answer(network):
    """Its answers to three items, after it was run on batches of two."""
    network.feed([inputs(2), inputs(2)])
    for _ in range(3):
        network.run()
    network.wait()
    return network.answers(inputs(3))


def try_out(framework, file, readers):
    """The answers of a network and of what reads its export, in a process of its own."""
    network = {"torch": of_torch, "mxnet": of_mxnet}[framework]()
    yield run_and_answer(network)
    adapters.get(framework).export(network, file, inputs(2), onnx_files.OPSET)
    for reader in readers:
        yield run_and_answer(read_by(reader, file))


@pytest.mark.parametrize("framework", [pytest.param(name, marks=needs(name, "onnxruntime", "openvino")) for name in ("torch", "mxnet")])
def test_all_inputs_reach_a_network_and_all_its_answers_come_back(framework, tmp_path):
    clips, lengths = inputs(3)
    environment = adapters.get(framework).environment(1)
    found = list(run_in_process(try_out, framework, tmp_path / "network.onnx", ("onnxruntime", "openvino"), silence_s=120, environment=environment))
    assert len(found) == 3
    for answers in found:
        twice, products = answers
        assert np.allclose(twice, 2 * clips) and np.allclose(products, clips.sum(1) * lengths, atol=1e-6)
