"""Import torchvision also where its compiled operators can't load.

There is no build of torchvision for every build of PyTorch: the usual wheel is made for CUDA, and beside a PyTorch for CPUs
alone its operators (non-maximum suppression, alignment of regions) can't load. The import then fails, for it describes an
operator that is not there. The classifiers need none of them.
"""

import importlib
import sys
from types import ModuleType

# Those that the import describes, as torchvision declares them itself.
DECLARED = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

_held: list = []  # PyTorch forgets an operator when the library that declared it goes


def torchvision() -> ModuleType:
    """The imported module; where its operators can't load, a call of one of them fails, and nothing else does.

    Raises ImportError where it is not installed, and what its import raises for any other reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in DECLARED:
        library.define(operator)
    _held.append(library)
    return importlib.import_module("torchvision")
