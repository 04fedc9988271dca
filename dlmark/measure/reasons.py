"""Out of what a library says when it fails: the line that says what was missing, without the user's own paths."""

import re
import sys
import tempfile
from pathlib import Path

# What the frameworks, the C++ library and the system say when memory runs out. The last line holds what NVIDIA's libraries say where they can't
# get the memory that they work in, and hardly ever for another reason.
OUT_OF_MEMORY = re.compile(
    r"out[ _]?of[ _]?memory|resource[ _]?exhausted|bad_alloc|memoryerror|alloc(ation)?_failed|(not enough|insufficient) memory|ENOMEM"
    r"|can(no|')t allocate|(fail(ed|ure)|unable) to allocate|allocation (of \S+ bytes )?failed|could not (allocate|create a (memory|primitive)|execute a primitive)"
    r"|cudaErrorMemoryAllocation|cudaMalloc(Async)? failed|CUBLAS_STATUS_NOT_INITIALIZED|CUDNN_STATUS_EXECUTION_FAILED|unable to find an engine to execute",
    re.IGNORECASE,
)
# Lines that say nothing of the cause: where it happened, how to be told more, whom to tell, what came before.
BOILERPLATE = re.compile(
    r"(traceback|stack trace|call stack|c\+\+ capture|exception raised from|file \"|\[bt\]|frame #|at::|during handling of|the above exception"
    r"|backend=|set torch|for more|for debugging|for details|compile with|you can|if you|please|note:|hint:|see |check the doc|search for|to (get|see|suppress|fix)"
    r"|cuda kernel errors might|terminate called|fatal python error|current thread|thread 0x|extension modules:|from user code|the following)",
    re.IGNORECASE,
)
OF_PYTHON = re.compile(r"[A-Za-z_.]*(Error|Exception|Interrupt|Exit)\b(: |$)")  # how Python's own account of an error ends
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SYSTEM = ("/dev/", "/proc/", "/sys/")  # the same on every machine


def of_error(text: str) -> str:
    """The line of an exception's message that says most: that of memory, else the first that tells a cause; shortened."""
    return _telling(text, 0)


def of_last_words(text: str) -> str:
    """The line that says most of what a process wrote before it died: that of memory, else the error that Python told, else the last that tells a cause."""
    lines = text.splitlines()
    told = [place for place, line in enumerate(lines) if OF_PYTHON.match(line)]
    return _telling("\n".join(lines[told[-1] :]), 0) if told and not OUT_OF_MEMORY.search(text) else _telling(text, -1)


def _telling(text: str, which: int) -> str:
    lines = [line.strip() for line in COLOURS.sub("", text).splitlines() if any(map(str.isalnum, line))]
    causes = [line for line in lines if not BOILERPLATE.match(line)] or lines[which:] or [""]
    memory = [line for line in lines if OUT_OF_MEMORY.search(line)]
    return shortened(without_paths(memory[0] if memory else causes[which]))


def shortened(line: str) -> str:
    """At most 300 characters, and none that a file can't hold (half a pair, as from a file name in another encoding)."""
    return line[:300].encode(errors="replace").decode()


def without_paths(text: str) -> str:
    """`text` with the file's name alone where it has a path of the user's: records are published."""
    own = sorted({str(Path.home()), str(Path.cwd()), tempfile.gettempdir(), sys.prefix} - {"/"}, key=len, reverse=True)
    quoted = r"""(?P<quote>['"`])(?:file://)?(?:/|[A-Za-z]:\\)[^'"`\n]*?(?P<last>[^'"`\\/\n]*)[\\/]?(?P=quote)"""
    known = rf"(?:{'|'.join(map(re.escape, own))})(?=[/\\])[/\\][^\s'\"`,;:()]*" if own else r"(?!)"
    bare = r"(?<![\w.:/<~])(?:file://)?~?/(?:[^\s/'\"`,;:()]+/)+[^\s'\"`,;:()]*|(?<!\w)[A-Za-z]:\\[^\s'\"`,;()]+"
    return re.sub(f"{quoted}|{known}|{bare}", _name, text)


def _name(found: re.Match) -> str:
    """What stays of a path."""
    if found["quote"]:
        return found[0] if found[0][1:].startswith(SYSTEM) else f"{found['quote']}{found['last']}{found['quote']}"
    whole = found[0].rstrip(".")
    name = re.split(r"[\\/]", whole.rstrip("\\/"))[-1]
    return found[0] if whole.startswith(SYSTEM) else name + found[0][len(whole) :]
