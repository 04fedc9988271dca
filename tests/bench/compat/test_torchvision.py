"""torchvision is imported also where its compiled operators can't load, and what else is wrong with it is told."""

import pytest

from bench import adapters
from bench.adapters import torch as adapter
from bench.compat import torchvision as torchvision_import
from dlmark.measure.process import ProcessEnded, run_in_process

needs_torch = pytest.mark.skipif(adapters.version(adapter) is None, reason="PyTorch is not installed here")


def alone(function, *args):
    """What `function` yields, in a process of its own with one thread."""
    return list(run_in_process(function, *args, silence_s=120, environment=adapter.environment(1)))


def classify():
    torchvision = torchvision_import.torchvision()
    import torch

    assert torchvision is torchvision_import.torchvision()  # twice does no harm
    yield tuple(torchvision.models.get_model("squeezenet1_1")(torch.zeros(1, 3, 64, 64)).shape)


@needs_torch
def test_a_classifier_runs_whether_the_operators_load_or_not():
    assert alone(classify) == [(1, 1000)]


def import_stand_in(folder):
    import sys

    sys.path.insert(0, folder)
    yield torchvision_import.torchvision().__name__


# A torchvision that fails as the real one does where its operators are missing, and imports once they are declared.
LACKING = """
import torch
import torchvision.half
if not hasattr(torch.ops.torchvision, "nms"):
    raise RuntimeError("operator torchvision::nms does not exist")
torch.ops.torchvision.qnms
"""


@pytest.fixture
def stand_in(tmp_path):
    def write(text):
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "__init__.py").write_text(text)
        (tmp_path / "torchvision" / "half.py").write_text("")
        return str(tmp_path)

    return write


@needs_torch
def test_operators_that_are_missing_are_declared(stand_in):
    assert alone(import_stand_in, stand_in(LACKING)) == ["torchvision"]


@pytest.mark.parametrize("text, said", [("raise RuntimeError('no such driver')", "no such driver"), ("import no_such_package", "no_such_package")])
def test_what_else_is_wrong_is_told_as_it_is(text, said, stand_in):
    with pytest.raises(ProcessEnded, match=said):
        alone(import_stand_in, stand_in(text))
