"""What several tests share: the project's folder, a bench script's command line, and what it saved."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from user_signals import hear_signals

ROOT = Path(__file__).parent.parent
os.environ["DLMARK_LOOK_S"] = "0"  # tests have no quiet machine to wait for
sys.path.insert(0, str(ROOT))  # bench is not an installed package: it is run from the project's folder


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def start_cnn():
    """Start `python -m bench.cnn …` as a user would, in a session of its own; returns the process."""

    def start(*words, **options) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **options.pop("environment", {})}
        options.setdefault("preexec_fn", hear_signals)
        return subprocess.Popen([sys.executable, "-m", "bench.cnn", *map(str, words)], cwd=ROOT, env=environment, **pipes, **options)

    return start


@pytest.fixture(scope="session")
def cnn(start_cnn):
    """Run `python -m bench.cnn …` to its end; returns what subprocess.run would."""

    def run(*words, **options) -> subprocess.CompletedProcess:
        process = start_cnn(*words, **options)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def saved():
    """The records of the one result file in a folder."""

    def read(folder) -> list[dict]:
        (path,) = Path(folder).glob("*.json")
        return json.loads(path.read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def nvml(tmp_path_factory):
    """Ask dlmark something where the stand-in for NVIDIA's library is the one that is found (see nvml_stand_in.py)."""
    import nvml_stand_in

    if not nvml_stand_in.COMPILER:
        pytest.skip("no C compiler (cc) to compile the stand-in for NVML with")
    folder = tmp_path_factory.mktemp("nvml")
    nvml_stand_in.compile_into(folder)
    return nvml_stand_in.Nvml(folder)


@pytest.fixture(scope="session", autouse=True)
def own_locks(tmp_path_factory):
    """Locks of the tests' own: a measurement elsewhere on this machine stops no test, and no test a measurement."""
    os.environ["TMPDIR"] = os.environ["DLMARK_LOCKS"] = tempfile.tempdir = str(tmp_path_factory.mktemp("locks"))
