"""The interpreter that has JAX: this one or, as JAX wants another NumPy than MXNet, that of .venv-jax; and scripts that it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import adapters
from bench.adapters import jax as adapter

ROOT = Path(__file__).parent.parent
APART = ROOT / ".venv-jax" / "bin" / "python"
PYTHON = sys.executable if adapters.version(adapters.get("jax")) else str(APART) if APART.exists() else None
needs_jax = pytest.mark.skipif(PYTHON is None, reason="JAX is neither installed here nor in .venv-jax: make results FRAMEWORK=jax DRY_RUN=1 installs it")

START = """
import json, sys, time
import numpy as np
from bench.run import gate
from bench.adapters import jax as adapter
from bench.cnn import TASK
from dlmark.measure import sweep

def say(**fields):
    print(json.dumps(fields), flush=True)

def prepared(model, network, count, training=False):
    network.feed(TASK.batches(adapter.input_shape(TASK.name, model), count, training=training))
    return network.run, network.wait

def job_of(model, precision):
    fields = {"precision": precision, "mode": "compiled", "input_shape": list(adapter.input_shape(TASK.name, model))}
    return sweep.Job(model, [4], fields)

def images(model, count):
    return np.random.default_rng(0).standard_normal((count, *adapter.input_shape("classification", model)), dtype=np.float32)
"""


def alone(script, *words, threads=1):
    """What a script says of the adapter, a dict a line, in a process of its own."""
    environment = {**os.environ, **adapter.environment(threads)}
    done = subprocess.run([PYTHON, "-c", START + script, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
