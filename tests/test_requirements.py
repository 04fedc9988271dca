"""requirements.txt: what is asked for where. MXNet has wheels for some platforms only, and must not stop the others."""

import tomllib

import pytest
from packaging.requirements import Requirement

LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}


@pytest.fixture(scope="module")
def asked_for(root):
    """Function: the distributions asked for on a platform, with their versions."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith(("#", "-e"))]

    def on(**platform) -> dict[str, str]:
        return {r.name: str(r.specifier) for r in requirements if r.marker is None or r.marker.evaluate({**LINUX, **platform})}

    return on


def test_mxnet_and_its_numpy_are_asked_for_where_both_have_wheels(asked_for):
    for platform in ({}, {"python_version": "3.12"}, {"sys_platform": "darwin"}):
        assert asked_for(**platform).items() >= {"mxnet": "==1.9.1", "gluoncv": "==0.10.5.post0", "numpy": "==1.26.4"}.items()


@pytest.mark.parametrize("platform", [{"platform_machine": "aarch64"}, {"sys_platform": "darwin", "platform_machine": "arm64"},
                                      {"sys_platform": "win32", "platform_machine": "AMD64"}, {"python_version": "3.13"},
                                      {"python_version": "3.14"}])  # fmt: skip
def test_elsewhere_mxnet_is_left_out_and_the_site_is_not(asked_for, platform):
    packages = asked_for(**platform)
    assert not packages.keys() & {"mxnet", "gluoncv"}
    assert packages.keys() >= {"numpy", "pandas", "bokeh", "sphinx", "nbsphinx", "jupyter", "nvidia-ml-py"}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_exactly_one_numpy_is_asked_for(root, python):
    lines = [line for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines() if line.startswith("numpy")]
    assert sum(Requirement(line).marker.evaluate({"python_version": python}) for line in lines) == 1


def test_parquet_is_asked_for_in_a_version_that_goes_with_mxnets_numpy(root):
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (pyarrow,) = map(Requirement, extras["parquet"])
    assert pyarrow.name == "pyarrow" and pyarrow.specifier.contains("23.0.1") and not pyarrow.specifier.contains("24.0.0")
