"""One function a plot: a DataFrame from `load_results` in, a Bokeh figure out. Nothing is read, shown or changed.

Large filled marks were measured by this benchmark with grade A, large hollow ones with grade B or C, or before there were
grades; small marks come from elsewhere (or do not say where from). A grey cross has no number and says why.
"""

from dlmark.plots.accuracy import throughput_vs_accuracy
from dlmark.plots.batch_size import batch_size_vs_throughput, batch_size_vs_throughput_grid
from dlmark.plots.devices import throughput_vs_device
from dlmark.plots.largest import max_batch_size
from dlmark.plots.ranking import ranking
from dlmark.plots.roofline import roofline
from dlmark.plots.ways import speed_and_fidelity

__all__ = ["batch_size_vs_throughput", "batch_size_vs_throughput_grid", "max_batch_size", "ranking", "roofline", "speed_and_fidelity",
           "throughput_vs_accuracy", "throughput_vs_device"]  # fmt: skip
