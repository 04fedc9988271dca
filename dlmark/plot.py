"""One function a plot: a DataFrame from `load_results` in, a Bokeh figure out. Nothing is read, shown or changed.

Large filled marks were measured by this benchmark with grade A, large hollow ones with grade B or C, or before there were
grades; small marks come from elsewhere (or do not say where from). A grey cross has no number and says why.

The functions are those that the files of dlmark/plots/ name in `__all__`: another plot is another file there.
"""

import importlib
import pkgutil

from dlmark import plots

_FILES = [importlib.import_module(f"dlmark.plots.{file.name}") for file in pkgutil.iter_modules(plots.__path__)]
_FOUND = {name: getattr(file, name) for file in _FILES for name in getattr(file, "__all__", ())}
globals().update(_FOUND)

__all__ = sorted(_FOUND)
