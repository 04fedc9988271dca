"""NumPy's small network, sound under some names, and under the others one that fails as the name says. For the tries alone."""

import ctypes
import json
import os
import time
from pathlib import Path

import numpy as np

from bench.adapters import numpy as sound
from bench.adapters.numpy import environment, input_shape, install, libraries, modes, packages, precisions  # noqa: F401

FAILURES = {
    "hangs": lambda: time.sleep(3_600),
    "hangs-with-the-lock": lambda: ctypes.PyDLL(None).sleep(3_600),  # with Python's lock held, so that none of its threads runs
    "aborts": os.abort,
    "reads-nowhere": lambda: ctypes.string_at(0),  # SIGSEGV
    "exits": lambda: os._exit(0),
    "raises": lambda: 1 / 0,
    "eats-memory": lambda: [np.ones(2**23) for _ in range(1_000)],  # 64 MiB each, until the limit
}
MOMENTS = ("built", "called")
WRONG = "answers-nan"
SAID = "says-"  # and the number of a text in the list of the file $TRIES_SAID, with which it fails
NAMES = [*(f"sound-{n}" for n in range(1, 7)), WRONG, *(f"{how}-when-{when}" for how in FAILURES for when in MOMENTS), *(f"{SAID}{n}" for n in range(100))]

models = {"classification": dict.fromkeys(NAMES)}


def start(device: str = "cpu") -> None:
    """On whatever device: the stand-in for NVML has GPUs that compute nothing."""
    sound.start()


def load(task: str, model: str, device: str = "cpu", precision: str = "float32", *, mode: str = "eager", weights: str = "random", size: int | None = None):
    """The sound network, which fails as its name says."""
    if model.startswith(SAID):
        raise RuntimeError(json.loads(Path(os.environ["TRIES_SAID"]).read_text())[int(model.removeprefix(SAID))])
    _fail(model, "built")
    return Failing(model, sound.load(task, "MLP-64", "cpu", precision))


class Failing:
    """The sound network, but for the third call, if so it is to be."""

    def __init__(self, name: str, network):
        self._name, self._network, self.wait, self._calls = name, network, network.wait, 0

    def feed(self, batches) -> None:
        """As the sound one."""
        self._network.feed(batches)
        self._calls = 0

    def run(self) -> None:
        """Fails, if so it is to be, at the third call."""
        self._calls += 1
        if self._calls == 3:
            _fail(self._name, "called")
        self._network.run()

    def answers(self, inputs) -> tuple[np.ndarray, ...]:
        """The sound network's answers, or none that is a number."""
        (answers,) = self._network.answers(inputs)
        return (np.full_like(answers, np.nan) if self._name == WRONG else answers,)


def _fail(model: str, when: str) -> None:
    how, _, moment = model.partition("-when-")
    if moment == when:
        FAILURES[how]()
