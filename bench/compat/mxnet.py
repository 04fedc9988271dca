"""Let mxnet 1.9.1 and gluoncv 0.10.5 run where newer libraries dropped what they use.

Call `prepare` before `import mxnet`, in the process that measures MXNet and nowhere else: what it adds is process-wide.
It puts back the names that NumPy 1.24 to 2.x dropped and `distutils.version`, which Python 3.12 dropped, and hides
torch from gluoncv, which refuses to be imported beside torch 2.
"""

import builtins
import importlib.abc
import re
import sys
import types
import warnings


def prepare() -> None:
    """Add what is missing. Safe to call twice."""
    import numpy

    _restore_numpy_names(numpy)
    if sys.version_info >= (3, 12):
        _restore_distutils()
    if "torch" not in sys.modules and not any(isinstance(finder, HideTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, HideTorch())
    warnings.filterwarnings("ignore", module=r"(mxnet|gluoncv)\b")  # their own, which their users can't act on


class HideTorch(importlib.abc.MetaPathFinder):
    """Make `import torch` fail as if it were not installed. (None in sys.modules would break scipy.)"""

    def find_spec(self, name, path=None, target=None):
        if name == "torch" or name.startswith("torch."):
            raise ModuleNotFoundError(f"No module named {name!r} in the process that measures MXNet", name=name)
        return None


class LooseVersion:
    """The part of distutils.version.LooseVersion that mxnet and gluoncv use: compare versions part by part."""

    def __init__(self, text: str):
        self.vstring = text
        self.version = [int(part) if part.isdigit() else part for part in re.findall(r"\d+|[a-z]+", text)]

    def _order(self) -> list[tuple]:
        return [(0, part, "") if isinstance(part, int) else (-1, 0, part) for part in self.version]

    def __lt__(self, other):
        return self._order() < _loose(other)._order()

    def __le__(self, other):
        return self._order() <= _loose(other)._order()

    def __gt__(self, other):
        return self._order() > _loose(other)._order()

    def __ge__(self, other):
        return self._order() >= _loose(other)._order()

    def __eq__(self, other):
        return self._order() == _loose(other)._order()


def _loose(version) -> LooseVersion:
    return version if isinstance(version, LooseVersion) else LooseVersion(version)


def _restore_numpy_names(numpy) -> None:
    names = {
        **{name: getattr(builtins, name) for name in ("bool", "int", "float", "object", "complex")},
        **{"PZERO": 0.0, "NZERO": -0.0, "PINF": numpy.inf, "NINF": -numpy.inf, "Inf": numpy.inf},
        **{"NAN": numpy.nan, "NaN": numpy.nan, "round_": numpy.round, "row_stack": numpy.vstack},
        **{"alltrue": numpy.all, "sometrue": numpy.any, "product": numpy.prod},
        "in1d": lambda ar1, ar2, **options: numpy.isin(numpy.ravel(ar1), ar2, **options),
        "msort": lambda a: numpy.sort(a, axis=0),
        "trapz": getattr(numpy, "trapezoid", None),
        **{name: _gone(name) for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate")},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 1.26 warns when it is asked for np.bool
        for name, value in names.items():
            if not hasattr(numpy, name):
                setattr(numpy, name, value)


def _gone(name: str):
    def raises(*args, **kwargs):
        raise NotImplementedError(f"numpy.{name} was dropped from NumPy; numpy-financial has it")

    return raises


def _restore_distutils() -> None:
    try:
        import distutils.version  # noqa: F401  (setuptools may offer it)
    except ImportError:
        package, module = types.ModuleType("distutils"), types.ModuleType("distutils.version")
        module.LooseVersion = module.StrictVersion = LooseVersion
        package.version, package.__path__ = module, []
        sys.modules.update({"distutils": package, "distutils.version": module})
