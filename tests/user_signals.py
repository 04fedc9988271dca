"""Signals as a user's command has them, whoever runs the tests."""

import signal


def hear_signals() -> None:
    """For a new process: a shell's background job, and so whatever it starts, does not hear Ctrl-C, nor with nohup SIGHUP; a user's command does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
