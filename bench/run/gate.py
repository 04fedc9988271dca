"""The gate: before a number counts, the network's answers are set against those of the same network in float32."""

import ctypes
import gc
from types import ModuleType

import numpy as np

from dlmark.measure import sweep

IMAGES = 8
# How far an answer may be off, as a share of the largest float32 answer. Fusing and reordering alone make 1e-4 in deep networks;
# the others are a few times the spacing of the format's numbers, gone through 50 to 150 layers of random weights.
TOLERANCE = {"float32": 1e-3, "tf32": 2e-2, "float16": 2e-2, "bfloat16": 2e-1, "int8": 5e-1}


class Gate:
    """What one network has to get through at each of its batch sizes; it remembers the answers in float32."""

    def __init__(self, adapter: ModuleType, job: sweep.Job, kind: str):
        self._adapter, self._job, self._kind = adapter, job, kind
        self._images = np.random.default_rng(2).standard_normal((IMAGES, *adapter.input_shape(job.model)), dtype=np.float32)
        self._expected: np.ndarray | None = None

    def check(self, network: object, batch_size: int) -> dict:
        """The record's fields on the answers of `network`: how near to float32, or status and reason where they are wrong.

        It answers in batches of `batch_size`, for which it is ready, filled with the same few images. Float32 in the adapter's
        first mode is what the others are compared with; it is itself only looked at, and compared with its first batch size.
        """
        again = np.arange(-(-IMAGES // batch_size) * batch_size) % IMAGES
        answers = _answers(self._adapter, network, self._images[again], batch_size)
        precision, mode = self._job.fields["precision"], self._job.fields["mode"]
        is_reference = (precision, mode) == ("float32", self._adapter.modes[0])
        if wrong := _wrong(answers, len(again)):
            return wrong
        if self._expected is None:
            self._expected = answers[:IMAGES] if is_reference else self._in_float32()
        found = compare(answers, self._expected[again], precision)
        return {"gate_images": IMAGES, **({} if is_reference and "status" not in found else found)}

    def _in_float32(self) -> np.ndarray:
        """Answers of the same network in float32, in small batches, which leave room where the batch that is measured fills the device."""
        reference = self._adapter.load(self._job.model, self._kind, "float32")
        answers = _answers(self._adapter, reference, self._images, IMAGES)
        del reference
        _give_back(self._adapter)
        return answers


def compare(answers: np.ndarray, expected: np.ndarray, precision: str) -> dict:
    """The record's fields on two (images, classes) arrays of logits."""
    error = float(np.abs(answers - expected).max() / np.abs(expected).max())
    agreement = float((answers.argmax(1) == expected.argmax(1)).mean())
    fields = {"gate_error": float(f"{error:.3g}"), "gate_agreement": agreement}
    tolerance = TOLERANCE.get(precision, TOLERANCE["float32"])
    if error <= tolerance:
        return fields
    reason = f"its answers on {IMAGES} fixed images are up to {error:.1%} of the largest off those in float32; {tolerance:.1%} is the limit in {precision}"
    return {**fields, "status": "wrong_output", "reason": reason}


def _answers(adapter: ModuleType, network: object, images: np.ndarray, batch_size: int) -> np.ndarray:
    parts = [images[at : at + batch_size] for at in range(0, len(images), batch_size)]
    return np.concatenate([np.asarray(adapter.predict(network, part), dtype=np.float64) for part in parts])


def _wrong(answers: np.ndarray, count: int) -> dict:
    """Status and reason where the answers can't be a classifier's, else nothing."""
    problem = None
    if answers.ndim != 2 or len(answers) != count:
        problem = f"answers of the shape {answers.shape} to {count} images"
    elif not np.isfinite(answers).all():
        problem = "an answer that is not a finite number"
    elif np.ptp(answers, axis=0).max() == 0:
        problem = "the same answer to different images"
    return {"status": "wrong_output", "reason": f"the network gave {problem}", "gate_images": IMAGES} if problem else {}


def _give_back(adapter: ModuleType) -> None:
    """Let the memory of the second network go, so that what is measured next has not less to do."""
    gc.collect()
    getattr(adapter, "release", lambda: None)()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        pass  # another C library
