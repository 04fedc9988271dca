"""Which Python has which framework."""

import sys

import pytest

from bench.whole import machine


@pytest.fixture
def root(tmp_path):
    """A clone with two environments, of which one is ready."""
    for name in (".venv", ".venv-torch", ".venv-jax"):
        (tmp_path / name / "bin").mkdir(parents=True)
    (tmp_path / ".venv-torch" / "ready").touch()
    return tmp_path


def test_a_framework_is_measured_with_the_python_of_its_own_environment(root):
    assert machine.python_of("torch", root, str(root / ".venv")) == str(root / ".venv-torch" / "bin" / "python")


def test_an_environment_that_is_not_ready_has_nothing(root):
    assert machine.python_of("jax", root, str(root / ".venv")) == machine.python_of("jax", root, "/usr")


def test_who_comes_with_an_interpreter_gets_what_that_one_has(root):
    assert machine.python_of("torch", root, "/opt/mine") != str(root / ".venv-torch" / "bin" / "python")
    assert machine.python_of("numpy", root, "/opt/mine") == sys.executable


def test_a_framework_that_nobody_has_an_adapter_for_has_no_python(root):
    assert machine.python_of("no-such", root, str(root / ".venv")) is None
