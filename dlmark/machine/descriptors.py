"""The descriptors 0 to 2, which everybody takes for granted, and how many more there may be."""

import os
import sys

LEAST = 16  # that a run needs: the results, two pipes to the measuring process, and what starts it
USUAL = 1024


def open_standard() -> None:
    """Open the null device in the place of standard input, output and error where the caller closed them (2>&-).

    Else the next file or pipe gets the number, and whatever a library says goes there.
    """
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest number that is free
        os.set_inheritable(file, True)
    os.close(file)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, errors="replace", closefd=False))


def too_few() -> str | None:
    """What to do about a limit on open files that is too low for a run; None where it is not, or could be raised."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= USUAL:
        return None
    wanted = USUAL if hard == resource.RLIM_INFINITY else min(USUAL, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return None if wanted >= LEAST else f"this needs at least {LEAST} open files, and the limit is {wanted}: raise it with ulimit -n {USUAL}"


def silence(stream) -> None:
    """Let nothing more come out of a stream that can't take it, so that the flush at the end does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
