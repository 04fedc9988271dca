"""Ctrl-C, SIGTERM and SIGHUP end a command in one way, from its first line to its last: tidied up, with exit status 128 + N."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from time import monotonic

from dlmark.machine import descriptors

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
STATUSES = [128 + number for number in SIGNALS]
MESSAGE = "\nStopped. Every finished point is saved; the same command goes on from there."
TIDYING_S = 10  # for so long a clean-up is left alone; another signal after that cuts it short


class Stopped(KeyboardInterrupt):
    """A signal asks for the end.

    It is a class of its own because of CPython: where a plain KeyboardInterrupt comes out of the exec() of a text, as in the making of a
    dataclass, the process is ended by SIGINT at last, whatever becomes of the exception (Python/pythonrun.c).
    """


class _Signals:
    """What has come since `heard` began; there is one, since a process has one set of handlers."""

    def __init__(self):
        self.are_heard, self.depth = False, 0  # whether `heard` is at work, and how many `held_back` are
        self.begin()

    def begin(self) -> None:
        """Forget what came before."""
        self.first: int | None = None
        self.at, self.owed = 0.0, False

    def come(self, number: int, frame: object) -> None:
        """The handler: raises Stopped, but not into a clean-up or into what is held back."""
        if self.first is not None and monotonic() - self.at < TIDYING_S:
            return
        self.first, self.at = self.first or number, monotonic()
        if self.depth:
            self.owed = True
        else:
            raise Stopped


_signals = _Signals()


def asked() -> int | None:
    """The exit status that a signal has asked for since `heard` began; None where none has."""
    return None if _signals.first is None else 128 + _signals.first


def listen(*packages: str) -> None:
    """For the first line of `packages`: where one of them is the command (python -m), a signal ends it at once, since nothing has begun."""
    if is_command(*packages):
        descriptors.open_standard()
        for number in _listened():
            signal.signal(number, _end_at_once)


def is_command(*packages: str) -> bool:
    """Whether this process runs one of `packages` with `python -m`, and is just about to import it."""
    named = {word.removeprefix("-m").partition(".")[0] for word in sys.orig_argv[1:]}
    return sys.argv[:1] == ["-m"] and not named.isdisjoint(packages)


@contextmanager
def heard():
    """In the block a signal raises Stopped. One that this process was told to ignore (nohup, a shell's &) stays ignored."""
    import threading  # here, so that `listen` comes the sooner

    if _signals.are_heard or threading.current_thread() is not threading.main_thread():
        yield  # a part of a command that hears them already
        return
    before = {number: signal.getsignal(number) for number in _listened()}
    _signals.begin()
    _signals.are_heard = True
    for number in before:
        signal.signal(number, _signals.come)
    try:
        yield
    finally:
        _signals.are_heard = False
        for number, handler in before.items():  # a command has only its exit status left to give, and no signal is to change it
            signal.signal(number, signal.SIG_IGN if handler is _end_at_once else handler)


def quietly(command: Callable[..., int], *args) -> int:
    """The exit status of a command that a signal ends without a word."""
    try:
        with heard():
            return command(*args)
    except KeyboardInterrupt:
        return asked() or 128 + signal.SIGINT


@contextmanager
def held_back():
    """A signal that `heard` has to raise comes after the block: what has been measured is saved first."""
    _signals.depth += 1
    try:
        yield
    finally:
        _signals.depth -= 1
        if _signals.owed and not _signals.depth:
            _signals.owed = False
            raise Stopped


def _listened() -> list[int]:
    return [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def _end_at_once(number: int, frame: object) -> None:
    words = MESSAGE + "\n" if any(word.removeprefix("-m").startswith("bench") for word in sys.orig_argv[1:]) else ""
    with suppress(OSError):
        os.write(2, words.encode())
    os._exit(128 + number)
