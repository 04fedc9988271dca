"""The Makefile: which interpreter `make results` measures with, and what is installed for it. Nothing is run: make only says what it would."""

import os
import shutil
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement


@pytest.fixture
def said(root, tmp_path):
    """Function: the commands that make would run in a folder of its own, with or without an NVIDIA driver, and what is there already."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(root / name, tmp_path / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh", "sed", "grep", "awk", "python3"):
        (programs / name).symlink_to(shutil.which(name))

    def run(*words, driver=False, there=()) -> str:
        if driver:
            (programs / "nvidia-smi").symlink_to("/bin/true")
        for path in there:
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).touch()
        environment = {"PATH": str(programs), "HOME": os.environ.get("HOME", "/")}
        done = subprocess.run([shutil.which("make"), "-n", *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.replace("\\\n", " ")

    return run


def installs(text):
    return [line.strip() for line in text.splitlines() if " pip install " in line]


def test_results_alone_installs_mxnets_environment_and_measures_with_it(said):
    text = said("results")
    (one,) = installs(text)
    assert one.startswith(".venv/bin/python") and one.endswith("-r requirements.txt") and ".venv/bin/python -m bench" in text
    assert "jax" not in text


@pytest.mark.parametrize("framework", ["torch", "onnxruntime", "openvino"])
def test_a_framework_comes_into_the_same_environment_without_changing_what_is_there(framework, said):
    text = said("results", f"FRAMEWORK={framework}")
    _, own = installs(text)
    assert own.startswith(".venv/bin/python") and "-r requirements.txt" in own and f"-e '.[{framework}]'" in own
    assert f".venv/bin/python -m bench --framework='{framework}'" in text


def test_jax_has_an_environment_of_its_own(said):
    text = said("results", "FRAMEWORK=jax", "MODELS=VGG-16")
    (own,) = installs(text)
    assert own.startswith(".venv-jax/bin/python") and "-e '.[jax]'" in own and "requirements.txt" not in own
    assert ".venv-jax/bin/python -m bench --framework='jax'" in text and "--models='VGG-16'" in text and ".venv/bin" not in text


def test_where_jax_has_been_installed_it_is_measured_after_the_others(said):
    text = said("results", "PRESET=quick", there=[".venv/ready", ".venv-jax/ready"])
    first, second = (line for line in text.splitlines() if " -m bench" in line)
    assert first.startswith(".venv/bin/python") and "--framework" not in first
    assert second.startswith(".venv-jax/bin/python -m bench --framework=jax") and second.split()[-1] == "--preset='quick'"


def test_what_is_installed_is_not_installed_again(said):
    there = [".venv/ready", ".venv/torch-ready", ".venv-jax/ready"]
    assert not installs(said("results", "FRAMEWORK=torch", there=there)) and not installs(said("results", "FRAMEWORK=jax"))


def test_without_a_driver_the_pytorch_for_cpus_is_installed_and_with_one_the_newest(said):
    assert "torch==" in installs(said("results", "FRAMEWORK=torch"))[-1]
    assert "torch==" not in installs(said("results", "FRAMEWORK=torch", driver=True))[-1]


@pytest.mark.parametrize("framework, extra", [("onnxruntime", "onnxruntime-gpu"), ("jax", "jax-gpu"), ("torch", "torch"), ("openvino", "openvino")])
def test_with_a_driver_a_framework_is_the_one_for_gpus(framework, extra, said):
    assert f"-e '.[{extra}]'" in installs(said("results", f"FRAMEWORK={framework}", driver=True))[-1]


@pytest.mark.parametrize("framework", ["torch", "jax", "", "numpy"])
def test_with_an_interpreter_of_the_users_nothing_is_installed(framework, said):
    text = said("results", "PYTHON=/opt/mine/python", f"FRAMEWORK={framework}", there=[".venv-jax/ready"])
    assert "install" not in text and "venv" not in text and text.count("-m bench") == 1 and text.startswith("/opt/mine/python -m bench")


def test_clean_removes_both_environments(said):
    assert said("clean").split()[:2] == ["rm", "-rf"] and {".venv", ".venv-jax"} <= set(said("clean").split())


def test_every_extra_of_the_makefile_is_in_pyproject_and_none_is_pinned(root):
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {"torch", "onnxruntime", "onnxruntime-gpu", "openvino", "jax", "jax-gpu"} <= set(extras)
    assert not [line for lines in extras.values() for line in lines if "==" in str(Requirement(line).specifier)]
