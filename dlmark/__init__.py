"""dlmark, the open deep-learning benchmark: load results with `benchmark`, draw them with `plot`."""

from dlmark import benchmark

__version__ = "0.1.0"
__all__ = ["benchmark"]
