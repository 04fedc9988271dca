"""The command line: python tests/reliability. See runner.py."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]  # the project, and tests/ for this package
    from reliability.runner import main

    sys.exit(main())
