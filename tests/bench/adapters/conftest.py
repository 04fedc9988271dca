"""What tests of several adapters share."""

import pytest


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for the files, which all these tests share."""
    folder = tmp_path_factory.mktemp("onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLMARK_CACHE", str(folder))
        yield folder
