"""Offer what measures as `dlmark.zip`, for machines without git: notebooks that are not run here, but where they are taken to, ask for it."""

import zipfile
from pathlib import Path

NAME = "_static/dlmark.zip"
FILES = ("LICENSE", "README.md", "pyproject.toml")
FOLDERS = ("bench", "dlmark")
DATE = (1980, 1, 1, 0, 0, 0)  # the same archive from the same files


def write(app):
    """Write the archive into the site."""
    if app.builder.format != "html":
        return
    target, source = Path(app.outdir, NAME), Path(app.srcdir)
    target.parent.mkdir(parents=True, exist_ok=True)
    found = [*(source / name for name in FILES), *(path for folder in FOLDERS for path in (source / folder).rglob("*"))]
    paths = sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)
    with zipfile.ZipFile(target, "w") as archive:
        for path in paths:
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), DATE)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def setup(app):
    """Connect to Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
