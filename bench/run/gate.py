"""The gate: before a number counts, the network's answers are set against those of the same network in float32."""

import ctypes
import gc
from types import ModuleType

import numpy as np

from bench.run.contract import Arrays, Network
from bench.run.task import GATE_ITEMS, Task
from dlmark.measure import sweep


class Gate:
    """What one network has to get through at each of its batch sizes; it remembers the answers in float32."""

    def __init__(self, task: Task, adapter: ModuleType, job: sweep.Job, kind: str):
        self._task, self._adapter, self._job, self._kind = task, adapter, job, kind
        self._inputs = task.gate_inputs(tuple(job.fields["input_shape"]))
        self._expected: Arrays | None = None

    def check(self, network: Network, batch_size: int) -> dict:
        """The record's fields on the answers of `network`: how near to float32, or status and reason where they are wrong.

        It answers in batches of `batch_size`, for which it is ready, filled with the same few items. Float32 in the adapter's
        first mode is what the others are compared with; it is itself only looked at, and compared with its first batch size.
        """
        again = np.arange(-(-GATE_ITEMS // batch_size) * batch_size) % GATE_ITEMS
        answers = _answers(network, tuple(array[again] for array in self._inputs), batch_size)
        precision, mode = self._job.fields["precision"], self._job.fields["mode"]
        is_reference = (precision, mode) == ("float32", self._adapter.modes[0])
        if wrong := _wrong(answers, len(again), self._task):
            return wrong
        if self._expected is None:
            self._expected = tuple(array[:GATE_ITEMS] for array in answers) if is_reference else self._in_float32()
        found = self._task.compare(answers, tuple(array[again] for array in self._expected), precision)
        return {"gate_images": GATE_ITEMS, **({} if is_reference and "status" not in found else found)}

    def _in_float32(self) -> Arrays:
        """Answers of the same network in float32, in small batches, which leave room where the batch that is measured fills the device."""
        reference = self._adapter.load(self._task.name, self._job.model, self._kind, "float32", **self._job.options)
        answers = _answers(reference, self._inputs, GATE_ITEMS)
        del reference
        _give_back(self._adapter)
        return answers


def largest_difference(answers: Arrays, expected: Arrays) -> float:
    """The largest of all answers' differences, each array's as a share of its largest number."""
    return max(float(np.abs(a - b).max() / max(np.abs(b).max(), np.finfo(float).tiny)) for a, b in zip(answers, expected, strict=True))


def _answers(network: Network, inputs: Arrays, batch_size: int) -> Arrays:
    parts = [network.answers(tuple(array[at : at + batch_size] for array in inputs)) for at in range(0, len(inputs[0]), batch_size)]
    return tuple(np.concatenate([np.asarray(array, dtype=np.float64) for array in arrays]) for arrays in zip(*parts, strict=True))


def _wrong(answers: Arrays, count: int, task: Task) -> dict:
    """Status and reason where they can't be a network's answers, else nothing."""
    problem = None
    if not answers or any(array.ndim < 2 or len(array) != count for array in answers):
        problem = f"answers of the shape {' and '.join(str(array.shape) for array in answers)} to {count} {task.item}s"
    elif not all(np.isfinite(array).all() for array in answers):
        problem = "an answer that is not a finite number"
    elif not any(np.ptp(array, axis=0).max() for array in answers):
        problem = f"the same answer to different {task.item}s"
    return {"status": "wrong_output", "reason": f"the network gave {problem}", "gate_images": GATE_ITEMS} if problem else {}


def _give_back(adapter: ModuleType) -> None:
    """Let the memory of the second network go, so that what is measured next has not less to do."""
    gc.collect()
    getattr(adapter, "release", lambda: None)()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        pass  # another C library
