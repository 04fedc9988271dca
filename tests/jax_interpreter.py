"""The interpreter that has JAX: this one or, as JAX wants another NumPy than MXNet, that of .venv-jax."""

import sys
from pathlib import Path

import pytest

from bench import adapters

ROOT = Path(__file__).parent.parent
APART = ROOT / ".venv-jax" / "bin" / "python"
PYTHON = sys.executable if adapters.version(adapters.get("jax")) else str(APART) if APART.exists() else None
needs_jax = pytest.mark.skipif(PYTHON is None, reason="JAX is neither installed here nor in .venv-jax: make results FRAMEWORK=jax DRY_RUN=1 installs it")
