"""The locks: they agree with what people read, hold every package by its hash, and name no host and no path."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11", "python_full_version": "3.11.0", "os_name": "posix",
         "platform_system": "Linux", "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}  # fmt: skip
LOCKS = {"requirements.lock": "requirements.txt", ".ci/tools.lock": ".ci/tools.txt"}


def asked_for(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith(("#", "-e"))]
    return [one for one in requirements if one.marker is None or one.marker.evaluate(LINUX)]


def versions(path):
    found = re.findall(r"^([^\s=#]+)==(\S+) \\$", path.read_text(encoding="utf-8"), re.M)
    assert len(found) > 40 and len({name for name, _ in found}) == len(found)
    return dict(found)


@pytest.mark.parametrize("lock, source", LOCKS.items())
def test_a_lock_holds_what_is_asked_for(lock, source, root):
    locked = versions(root / lock)
    assert not [str(one) for one in asked_for(root / source) if not one.specifier.contains(locked.get(canonicalize_name(one.name), "0"))]


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_of_a_lock_has_hashes_and_nothing_names_a_host_or_a_path(lock, root):
    text = (root / lock).read_text(encoding="utf-8")
    version = r"[a-z0-9-]+==[a-zA-Z0-9.+!]+ \\\n"
    assert re.fullmatch(rf"(#.*\n)*(({version})(    --hash=sha256:[0-9a-f]{{64}} \\\n)*    --hash=sha256:[0-9a-f]{{64}}\n(    #.*\n)*)+(\n(# .*\n)+)?", text)
    assert not re.search(r"https?:|://|--index|--find-links|\.(org|com|net|io)\b|/[a-z]+/", text)


def test_what_locked_packages_need_is_locked_in_a_version_that_they_take(root):
    locked, looked_at, wrong = versions(root / "requirements.lock"), 0, []
    extras = {name: {extra for one in asked_for(root / "requirements.txt") if one.name == name for extra in one.extras} for name in locked}
    for name, version in locked.items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if found.version != version:
            continue
        looked_at += 1
        for one in map(Requirement, found.requires or []):
            needed = one.marker is None or any(one.marker.evaluate({**LINUX, "extra": extra}) for extra in {"", *extras[name]})
            if needed and not one.specifier.contains(locked.get(canonicalize_name(one.name), "0"), prereleases=True):
                wrong.append(f"{name} needs {one}")
    assert not wrong
    assert looked_at > len(locked) / 2 or sys.version_info[:2] != (3, 11), "this environment is the locked one, more or less"


def test_dlmark_is_built_by_the_locked_setuptools(root):
    (needed,) = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert needed == f"setuptools=={versions(root / 'requirements.lock')['setuptools']}"


# ---- make audit ----


@pytest.fixture
def audited(root, tmp_path):
    """Function: what .ci/audit says, and its status, where pip-audit does what a line of shell does."""

    def run(line):
        program = tmp_path / "pip-audit"
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
        done = subprocess.run([root / ".ci" / "audit", program, "a.lock", "b.lock"], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    return run


def test_an_audit_without_a_network_is_told_in_words(audited):
    status, _, said = audited("echo 'Traceback (most recent call last):' >&2; echo '  File x' >&2; echo 'ConnectionError: no route' >&2; exit 1")
    assert status == 2 and said.startswith("make audit: nothing was looked up") and "Traceback" not in said and said.endswith("ConnectionError: no route\n")


@pytest.mark.parametrize("status, word", [(0, "No known vulnerabilities found"), (1, "Found 1 known vulnerability")])
def test_an_audits_findings_and_status_go_through(status, word, audited):
    assert audited(f"echo '{word}' >&2; echo \"$@\"; exit {status}") == (
        status, "--vulnerability-service osv --require-hashes --disable-pip --progress-spinner off --requirement=a.lock --requirement=b.lock\n", f"{word}\n")  # fmt: skip


# ---- an installation without a network ----

BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/dlmark-1-py3-none-any.whl", "w") as file:
        file.writestr("dlmark-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: dlmark\\nVersion: 1\\n")
        file.writestr("dlmark-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr("dlmark-1.dist-info/RECORD", "")
    return "dlmark-1-py3-none-any.whl"
"""


def wheel(path, code):
    """Write a small package as a wheel; returns its hash."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(code.encode()).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny.py", code)
        file.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        file.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny-1.dist-info/RECORD", f"tiny.py,sha256={digest},{len(code)}\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11) or sys.platform != "linux", reason="the lock is for Python 3.11 on Linux")
def test_without_a_network_a_folder_of_wheels_is_enough_and_one_that_was_changed_is_refused(root, tmp_path):
    shutil.copy(root / "Makefile", tmp_path)
    (tmp_path / "wheels").mkdir()
    file = tmp_path / "wheels" / "tiny-1-py3-none-any.whl"
    right = wheel(file, "value = 1\n")
    content = file.read_bytes()
    (tmp_path / "requirements.txt").write_text("tiny==1\n-e .\n")
    (tmp_path / "requirements.lock").write_text(f"tiny==1 \\\n    --hash=sha256:{right}\n")
    (tmp_path / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    (tmp_path / "backend.py").write_text(BACKEND)
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}

    def make():
        words = ["make", ".venv/ready", "WHEELS=wheels", f"BASE_PYTHON={sys.executable}"]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    wheel(file, "value = 'evil'\n")
    refused = make()
    assert refused.returncode and "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr and not (tmp_path / ".venv" / "ready").exists()
    file.write_bytes(content)
    assert (done := make()).returncode == 0, done.stderr
    installed = subprocess.run([tmp_path / ".venv" / "bin" / "python", "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, timeout=60)
    assert {"dlmark==1", "tiny==1"} <= set(installed.stdout.split())
