"""What tests of `make results` share: it is started as a user would."""

import os
import subprocess
import sys

import pytest
from user_signals import hear_signals

# `python -m bench`, but the quick preset takes a tenth of a second for a point.
QUICKER = """
import sys
from bench import __main__ as bench
from bench.run import options
bench.scripts()["cnn"].PRESETS["quick"] = {"throughput": ["--seconds", "0.1", "--time-cap", "20", "--rounds", "1", "--batch-sizes", "1,8,32"]}
sys.exit(options.main(bench.parser()))
"""


@pytest.fixture
def start(root, tmp_path):
    """Start Python in the project's folder as a user would, with locks of this test's own; what still runs at its end is killed."""
    started = []

    def run(*words, **options) -> subprocess.Popen:
        (tmp_path / "locks").mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(tmp_path / "locks"),
            "DLMARK_LOCKS": str(tmp_path / "locks"),
            **options.pop("environment", {}),
        }
        options.setdefault("preexec_fn", hear_signals)
        started.append(subprocess.Popen([sys.executable, *map(str, words)], cwd=root, env=environment, text=True, start_new_session=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options))  # fmt: skip
        return started[-1]

    yield run
    for process_ in started:
        process_.kill()
        process_.communicate()


@pytest.fixture(scope="session")
def script(root):
    """Run a subcommand of a bench script to its end, such as device ceilings."""

    def run(name, *words) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", f"bench.{name}", *map(str, words)], cwd=root, capture_output=True, text=True, timeout=400)

    return run


@pytest.fixture
def start_bench(start):
    """Start `python -m bench`."""
    return lambda *words, **options: start("-c", QUICKER, *words, **options)


@pytest.fixture
def bench(start_bench):
    """Run `python -m bench` to its end."""

    def run(*words, **options) -> subprocess.CompletedProcess:
        process_ = start_bench(*words, **options)
        out, err = process_.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process_.returncode, out, err)

    return run
