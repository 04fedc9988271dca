"""`python bench/cnn.py` is `python -m bench.cnn`: imports are found from the project's folder, and not from the script's."""

import os
import sys
from pathlib import Path


def run(script: str) -> None:
    """Put the same command, as a module, in the place of this process."""
    path = Path(script).resolve()
    folders = filter(None, [str(path.parents[1]), os.environ.get("PYTHONPATH")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    os.execve(sys.executable, [sys.executable, "-m", f"bench.{path.stem}", *sys.argv[1:]], environment)
