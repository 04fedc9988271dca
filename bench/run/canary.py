"""The canary: a fixed matrix product, copy and network, timed now and then, to see whether the device itself drifts."""

from contextlib import suppress
from time import monotonic, perf_counter

import numpy as np

from bench import adapters
from dlmark.machine import device
from dlmark.measure.process import ProcessEnded, run_in_process

EVERY_S = 120
WORK_S = 0.15  # for each of the three pieces
WARM_CALLS, LEAST_CALLS = 2, 5
NEEDS = "canary", "matrix_product", "copy"
BATCH = 8


def sing(framework: str, where: str):
    """Yield the seconds of one call of each piece of work; in a process of its own."""
    adapter = adapters.get(framework)
    adapter.start(device.kind(where))
    pieces = {"matrix product": adapter.matrix_product(device.kind(where)), "copy": adapter.copy(device.kind(where))}
    with suppress(NotImplementedError):  # where there are no networks, the two have to do
        network = adapter.load(*adapter.canary, device.kind(where))
        random = np.random.default_rng(3)
        network.feed([(random.standard_normal((BATCH, *adapter.input_shape(*adapter.canary)), dtype=np.float32),) for _ in range(2)])
        pieces["network"] = network.run, network.wait
    yield {name: _call_s(*piece) for name, piece in pieces.items()}


def _call_s(run, wait) -> float:
    """Seconds of the fastest call with its wait: what the device can do; what disturbs single calls is not its affair."""
    times: list[float] = []
    for _ in range(WARM_CALLS):  # the first ones compile, choose algorithms and take memory
        run()
        wait()
    start = perf_counter()
    while perf_counter() - start < WORK_S or len(times) < LEAST_CALLS:
        before = perf_counter()
        run()
        wait()
        times.append(perf_counter() - before)
    return min(times)


class Canary:
    """Sings at the start, now and then, and at the end; `drift` is how far two songs in a row are apart."""

    def __init__(self, framework: str, where: str, environment: dict[str, str], every_s: float = EVERY_S):
        # On a CPU every framework has the same canary; a GPU is reached through the framework alone.
        self.framework = "numpy" if where == "cpu" else framework
        self._where, self._environment, self._every_s = where, environment, every_s
        self.lacks = [name for name in NEEDS if not hasattr(adapters.get(self.framework), name)]  # then it never sings
        self._last: dict | None = None
        self._at = monotonic()

    def due(self) -> bool:
        """Whether it is time to sing again."""
        return monotonic() - self._at >= self._every_s

    def sing(self) -> float | None:
        """The largest change of a piece of work since the last song, as a share; None where there was none to compare."""
        before, self._at = self._last, monotonic()
        if self.lacks:
            return None
        try:
            (self._last,) = run_in_process(sing, self.framework, self._where, silence_s=120, environment=self._environment)
        except ProcessEnded:  # a device that can't even do this will say why in the points' own records
            self._last = None
        if before is None or self._last is None:
            return None
        return max(abs(self._last[name] / before[name] - 1) for name in before)
