"""The Makefile: which interpreter `make results` measures with, and what is installed for it. Nothing is run: make only says what it would."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement


@pytest.fixture
def said(root, tmp_path):
    """Function: the commands that make would run in a folder of its own, with or without an NVIDIA driver, and what is there already."""
    (tmp_path / ".ci").mkdir()
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml", ".ci/tools.txt", ".ci/tools.lock"):
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
    assert one.startswith("if .venv/bin/python") and ".venv/bin/python -m bench" in text
    locked, otherwise = re.split("; +else ", one)
    assert "--require-hashes" in locked and "-r requirements.lock" in locked and otherwise.endswith("-r requirements.txt; fi")
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


def test_clean_removes_all_environments(said):
    assert said("clean").split()[:2] == ["rm", "-rf"] and {".venv", ".venv-jax", ".venv-tools"} <= set(said("clean").split())


@pytest.mark.parametrize("words", [[], ["PYTHON=/opt/mine/python"], ["FILES=results/a.json results/b.json"], ["BASE=up/main", "HEAD=FETCH_HEAD"]])
def test_the_door_needs_nothing_installed(words, said):
    text = said("door", *words)
    options = {"FILES=results/a.json results/b.json": " results/a.json results/b.json", "BASE=up/main": " --base 'up/main' --head 'FETCH_HEAD'"}
    assert not installs(text) and ".venv" not in text and "-m dlmark door" + (options.get(words[0], "") if words else "") in text


@pytest.mark.parametrize("target", ["html", "test", "check"])
def test_wheels_of_a_folder_are_taken_without_asking_a_registry(target, said, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a-1-py3-none-any.whl").touch()
    (one,) = installs(said(target, "WHEELS=mine"))
    assert one.count("--no-index --find-links 'mine'") == 2, "in the locked way and in the other"


def test_a_folder_without_wheels_is_told_with_what_to_do(said, tmp_path):
    with pytest.raises(AssertionError, match=r"WHEELS=mine holds no wheels: fill it with `make wheels WHEELS=mine`"):
        said("html", "WHEELS=mine")


def test_the_tools_of_maintainers_are_locked_too_and_stay_out_of_the_sites_environment(said):
    for target in ("lock", "wheels", "audit", "sbom"):
        (own,) = installs(said(target))
        assert own.startswith(".venv-tools/bin/python") and "--require-hashes" in own and own.endswith(".ci/tools.lock")


def test_every_extra_of_the_makefile_is_in_pyproject_and_none_is_pinned(root):
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {"torch", "onnxruntime", "onnxruntime-gpu", "openvino", "jax", "jax-gpu"} <= set(extras)
    assert not [line for lines in extras.values() for line in lines if "==" in str(Requirement(line).specifier)]
