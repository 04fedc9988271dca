"""What the README promises to the owner of a machine: `make results`, even killed half-way, and then `make html`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from dlmark.benchmark import load_results
from dlmark.plots import style

pytestmark = pytest.mark.slow

CHOICE = ["BENCH=cnn", "FRAMEWORK=mxnet", "MODELS=ResNet-v1-18", "BATCH_SIZES=1,2", "PRECISION=float32", "MODE=fused", "PRESET=quick"]


@pytest.fixture
def clone(root, tmp_path):
    """The project's own files, in a folder of their own."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def make(folder, *words, **options):
    """Start `make` with this interpreter, which has all that is needed."""
    environment = {name: value for name, value in os.environ.items() if name != "DLMARK_RESULTS"}
    return subprocess.Popen(["make", f"PYTHON={sys.executable}", *words], cwd=folder, env=environment, start_new_session=True,
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)  # fmt: skip


def made(folder, *words):
    process = make(folder, *words)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


def mine(folder, source="measured"):
    data = load_results("cnn.py__benchmark_throughput*json", folder / "results")
    data = data[(data["source"] == source) & (data["model"] == "ResNet-v1-18") & (data["command"].str.contains("--batch-sizes (?:1|2|1,2)(?: |$)", na=False))]
    return data.sort_values("batch_size")


def test_the_rebuilt_page_shows_the_numbers_of_this_machine(clone):
    made(clone, "results", *CHOICE, "AGAIN=1")
    made(clone, "html")
    page = (clone / "_build" / "html" / "notebooks" / "cnn.html").read_text(encoding="utf-8")
    numbers = style.told(mine(clone))["throughput"].tolist()
    assert len(numbers) == 2 and all(json.dumps(number)[1:-1] in page for number in numbers)


def test_a_kill_in_the_middle_loses_no_finished_point(clone):
    shutil.rmtree(clone / "results")
    process = make(clone, "results", *CHOICE)
    deadline = time.monotonic() + 300
    while not list((clone / "results").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until the first point is saved
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    first, held = mine(clone).iloc[0], len(mine(clone))
    assert f"{2 - held} to measure" in made(clone, "results", *CHOICE)
    both = mine(clone)
    assert both["batch_size"].tolist() == [1, 2]
    after = both[both["batch_size"] == first["batch_size"]].iloc[0]
    assert after["block_times_s"].tolist()[: len(first["block_times_s"])] == first["block_times_s"].tolist()
