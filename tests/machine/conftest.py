"""A machine that is made of files."""

import pytest


@pytest.fixture
def rooted(tmp_path_factory):
    """Function: a folder that stands for /, with these files."""

    def make(files):
        root = tmp_path_factory.mktemp("root")
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(root)

    return make
