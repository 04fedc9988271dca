"""Report which files of the project a notebook reads and which of its folders it lists."""

import json
import os
import sys

FOLDER_EVENTS = {"os.listdir", "os.scandir"}  # a glob is made of these


def watch(report: int, roots: list[str]) -> None:
    """From now on write a JSON line ["file" or "folder", path] to `report` for each first read below one of `roots`."""
    seen = set()

    def hook(event, arguments):
        read = _read(event, arguments)
        if read is None or read in seen or "importlib" in sys._getframe(1).f_code.co_filename:
            return  # imports list every folder of the path; code is taken into account as a whole
        seen.add(read)
        kind, path = read[0], os.path.realpath(read[1])
        if any(_belongs(path, root) for root in roots):
            os.write(report, (json.dumps([kind, path]) + "\n").encode())

    sys.addaudithook(hook)


def _read(event, arguments):
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, (str, bytes, os.PathLike)) and not flags & (os.O_WRONLY | os.O_RDWR):
            return "file", os.fsdecode(path)
    elif event in FOLDER_EVENTS and not isinstance(arguments[0], int):
        return "folder", os.fsdecode(arguments[0] or ".")
    return None


def _belongs(path, root):
    if path != root and not path.startswith(root + os.sep):
        return False
    return not any(map(_is_made_by_tools, os.path.relpath(path, root).split(os.sep)))


def _is_made_by_tools(part):
    hidden = part.startswith(".") and part != "."
    return hidden or part in {"_build", "__pycache__"} or part.endswith(".egg-info")
