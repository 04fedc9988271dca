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
        return done.stdout.replace("\\\n", " ").replace("'.venv", ".venv").replace("python' -m", "python -m").replace("'/opt", "/opt")

    return run


@pytest.fixture
def made(root, tmp_path):
    """Function: `make results` where all is installed, with a script in the place of the environment's Python."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    for name in ("requirements.txt", "requirements.lock", ".venv/ready"):
        (tmp_path / name).touch()

    def run(script, *words, driver=False, **environment):
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        if driver and not (tmp_path / "nvidia-smi").exists():
            (tmp_path / "nvidia-smi").symlink_to("/bin/true")
        of_a_user = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}  # and not of make test
        environment = {**of_a_user, "PATH": f"{tmp_path}:{os.environ['PATH']}", **environment}
        words = words if driver else ("DEVICE=cpu", *words)
        return subprocess.run(["make", "results", *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

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


@pytest.mark.parametrize("framework", ["torch", "onnxruntime", "openvino", "jax"])
def test_each_framework_has_an_environment_of_its_own(framework, said):
    text = said("results", f"FRAMEWORK={framework}", "MODELS=VGG-16")
    (own,) = installs(text)
    assert own.startswith(f".venv-{framework}/bin/python") and f"-e '.[{framework}]'" in own
    assert ("-r requirements.txt" in own) == (framework in ("onnxruntime", "openvino")), "these run what MXNet and PyTorch export"
    assert f".venv-{framework}/bin/python -m bench --framework='{framework}'" in text and "--models='VGG-16'" in text and ".venv/" not in text


def test_all_that_are_installed_are_measured_as_one_list(said):
    text = said("results", "PRESET=quick", there=[".venv/ready", ".venv-jax/ready", ".venv-torch/ready"])
    assert text.count("-m bench") == 1 and ".venv/bin/python -m bench" in text and "--framework" not in text and "--preset='quick'" in text


def test_where_the_driver_is_pytorch_comes_by_itself_unless_the_cpu_is_asked_for(said):
    text = said("results", driver=True)
    assert "touch .venv-torch/ready" in text and text.index("touch .venv-torch/ready") < text.index(".venv/bin/python -m bench")
    assert ".venv-torch" not in said("results", "DEVICE=cpu")


def test_an_environment_that_can_not_be_set_up_keeps_none_of_the_others_from_being_measured(made):
    done = made("echo measured", "BASE_PYTHON=/no/such/python", driver=True)
    assert done.returncode == 0 and done.stdout.endswith("measured\n")
    assert ".venv-torch could not be set up, so it is left out" in done.stderr and "/no/such/python" in done.stdout
    asked = made("echo measured", "BASE_PYTHON=/no/such/python", "FRAMEWORK=torch", driver=True)
    assert asked.returncode != 0 and "measured" not in asked.stdout


@pytest.mark.parametrize("variable, option", [
    ("BUDGET=25m", "--budget='25m'"), ("ROUNDS=1", "--rounds='1'"), ("THREADS=4", "--threads='4'"), ("SECONDS=0.3", "--seconds='0.3'"),
    ("SIZES=8192", "--sizes='8192'"), ("SIZE=320", "--size='320'"), ("WAIT=10m", "--wait='10m'"), ("BENCH=cnn,device", "--bench='cnn,device'"),
])  # fmt: skip
def test_variables_reach_the_command(variable, option, said):
    assert option in said("results", variable)


def test_what_is_installed_is_not_installed_again(said):
    there = [".venv/ready", ".venv-torch/ready", ".venv-jax/ready"]
    assert not installs(said("results", "FRAMEWORK=torch", there=there)) and not installs(said("results", "FRAMEWORK=jax"))


def test_what_pip_is_told_for_the_users_own_packages_does_not_reach_an_environment(made):
    done = made('echo "PIP_USER is $PIP_USER"', PIP_USER="1")  # as on many clusters; pip refuses that in an environment
    assert "PIP_USER is 0\n" in done.stdout


@pytest.mark.parametrize("status", [0, 2, 130])
def test_the_status_of_the_run_is_told(status, made):
    done = made(f"exit {status}")
    assert (done.returncode == 0) == (status == 0) and (status == 0 or f"Error {status}" in done.stderr)


def test_an_interpreter_whose_path_has_a_space_is_used(root, tmp_path):
    mine = tmp_path / "my python"
    mine.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/ran"\n')
    mine.chmod(0o755)
    done = subprocess.run(["make", "results", f"PYTHON={mine}", "MODELS=A B", "DRY_RUN=1"], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ran").read_text().splitlines() == ["-m", "bench", "--models=A B", "--dry-run"]


@pytest.mark.parametrize("value, is_asked", [("1", True), ("yes", True), ("0", False), ("no", False), ("", False)])
def test_nought_means_no(value, is_asked, said):
    text = said("results", f"AGAIN={value}", f"DRY_RUN={value}")
    assert ("--again" in text) == ("--dry-run" in text) == is_asked


@pytest.mark.parametrize("variable", ["THREADS", "ROUNDS", "SECONDS", "SIZE", "BUDGET", "WAIT"])
def test_nought_of_a_number_means_that_there_is_none(variable, said):
    assert f"--{variable.lower()}" not in said("results", f"{variable}=0") and f"--{variable.lower()}='7'" in said("results", f"{variable}=7")


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
    assert said("clean").split()[:2] == ["rm", "-rf"] and {".venv", ".venv-*/"} <= set(said("clean").split())


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
