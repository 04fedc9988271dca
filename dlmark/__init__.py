"""dlmark, the open deep-learning benchmark: load results with `benchmark`, draw them with `plot`."""

from dlmark.machine import stop

stop.listen("bench", "dlmark")  # before all else, which takes longer to import

from dlmark import benchmark  # noqa: E402

__version__ = "0.1.0"
__all__ = ["benchmark"]
