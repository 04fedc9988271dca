"""The stand-in for NVIDIA's libnvidia-ml.so.1: compile it, and ask dlmark something in a process that finds it.

python tests/nvml_stand_in.py "device.state('gpu:0')"      # prints the answer as JSON
"""

import json
import os
import shutil
import subprocess
import sys
import threading  # noqa: F401, for questions
from pathlib import Path
from time import monotonic, perf_counter, sleep  # noqa: F401

from dlmark.machine import device, sampler

TESTS = Path(__file__).parent
SOURCE = TESTS / "nvml" / "nvml_stand_in.c"
COMPILER = shutil.which("cc")


def compile_into(folder: Path) -> Path:
    """Compile the library into `folder`, under the name that pynvml looks for."""
    library = Path(folder) / "libnvidia-ml.so.1"
    words = [COMPILER, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", library, SOURCE]
    subprocess.run(words, check=True)
    return library


class Nvml:
    """Asks in a process of its own: nvml("device.state('gpu:0')", CLOCK="1200") is the answer with NVML_CLOCK=1200."""

    def __init__(self, folder: Path):
        self.folder = folder

    def environment(self, **settings: str) -> dict[str, str]:
        """Variables under which a new process finds the stand-in, set up as nvml_stand_in.c says."""
        return {"LD_LIBRARY_PATH": str(self.folder), **{f"NVML_{name}": value for name, value in settings.items()}}

    def __call__(self, question: str, **settings: str):
        """The answer; the words of a DeviceError."""
        environment = {**os.environ, "PYTHONPATH": str(TESTS.parent), **self.environment(**settings)}
        words = [sys.executable, __file__, question]
        answer = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)


def watched(seconds: float = 0.05, interval_s: float = 0.01, where: str = "gpu:0", max_cost: float = 1, **options) -> sampler.Seen:
    """For a question: what the sampler sees in that time."""
    with sampler.watch(where, interval_s, max_cost=max_cost, **options) as seen:
        sleep(seconds)
    return seen


def watched_for(samples: int, interval_s: float) -> sampler.Seen:
    """For a question: what the sampler sees until it has so many samples."""
    end = monotonic() + 30
    with sampler.watch("gpu:0", interval_s, max_cost=1) as seen:
        while len(seen.samples) < samples and monotonic() < end:
            sleep(0.01)
    return seen


def fails_while_watched() -> str:
    """For a question: the error that comes out of a block that fails."""
    try:
        with sampler.watch("gpu:0"):
            raise RuntimeError("the block's own")
    except RuntimeError as error:
        return str(error)


if __name__ == "__main__":
    try:
        answer = eval(sys.argv[1])
    except device.DeviceError as error:
        answer = f"DeviceError: {error}"
    print(json.dumps(answer))
