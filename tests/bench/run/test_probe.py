"""What a framework can do is asked beforehand: an impossible precision or mode is one line and starts nothing."""

import json
import shutil
import subprocess
import sys
import sysconfig

import pytest

from bench import adapters
from bench.adapters import torch as torch_adapter
from bench.run import probe


@pytest.fixture
def refusing(tmp_path, root, monkeypatch):
    """In every process NumPy offers a second pair that it can't do, and perhaps nothing at all."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import sys
sys.path.insert(0, {str(root)!r})
from bench.adapters import numpy as adapter
def go_together(device, precision, mode, training=False):
    if precision == "float64":
        raise NotImplementedError("no float64 here")
adapter.go_together = go_together
adapter.combinations = lambda kind: [("float32", "eager"), ("float64", "eager")]
""")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}")


def ask(root, *words):
    return subprocess.run([sys.executable, "-m", *words], cwd=root, capture_output=True, text=True, timeout=100)


def test_each_pair_is_told_with_the_reason_where_it_can_not_be(refusing, root):
    told = json.loads(ask(root, "bench.run.probe", "--framework", "numpy").stdout)
    assert told["refused"] is None and told["import_s"] >= 0
    assert {offer["precision"]: offer["reason"] for offer in told["offers"]} == {"float32": None, "float64": "no float64 here"}


def test_an_impossible_pair_is_one_line_of_the_plan_and_no_start(refusing, root, tmp_path, saved):
    words = "bench --framework numpy --device cpu --preset quick --models MLP-64 --batch-sizes 1 --rounds 1 --seconds 0.1".split()
    done = ask(root, *words, "--results", str(tmp_path / "results"))
    assert done.returncode == 0 and done.stdout.count("numpy float64 eager: not here: no float64 here") == 1
    assert [record["precision"] for record in saved(tmp_path / "results")] == ["float32"]


def test_a_script_says_so_at_once_too(refusing, root, tmp_path):
    done = ask(root, "bench.cnn", "throughput", "--framework", "numpy", "--precision", "float64", "--results", str(tmp_path / "results"))
    assert done.returncode == 2 and "no float64 here" in done.stderr and not list((tmp_path / "results").glob("*.json"))


def test_a_framework_that_is_not_there_is_told_in_a_line(root):
    done = ask(root, "bench.run.probe", "--framework", "nunpy")
    assert done.returncode == 2 and "unknown framework 'nunpy'" in done.stderr and "Traceback" not in done.stderr


def test_a_framework_that_dies_when_it_is_asked_is_told_with_its_end(monkeypatch):
    monkeypatch.setattr(adapters.get("numpy"), "environment", lambda threads: {"PYTHONHOME": "/no/such/folder"})
    answer = probe.ask("numpy", "cpu", [("float32", "eager")])
    assert answer.refused and answer.pairs == {}


# ---- what torch.compile needs ----


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotImplementedError, match=r"needs a C\+\+ compiler, and there is no g\+\+"):
        torch_adapter._must_compile("cpu")
    monkeypatch.setenv("CC", "/opt/my-cc -m64")
    with pytest.raises(NotImplementedError, match="needs a C compiler, and there is no /opt/my-cc: install one, or use --mode eager"):
        torch_adapter._must_compile("gpu")


def test_compiling_needs_pythons_header(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(NotImplementedError, match=r"needs Python's Python.h: install python3\.\d+-dev"):
        torch_adapter._must_compile("gpu")
    (tmp_path / "Python.h").touch()
    torch_adapter._must_compile("gpu")
