"""Ctrl-C and SIGTERM: one exception for both, raised wherever the program is."""

from __future__ import annotations

import signal
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """The user (SIGINT) or the system (SIGTERM, SIGHUP) asked this program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        self.is_keyboard = number == signal.SIGINT


def listen() -> None:
    """Turn SIGINT, SIGTERM and SIGHUP into Interrupted."""

    def raise_interrupted(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, raise_interrupted)


def interruption_behind(error: BaseException | None) -> Interrupted | None:
    """Return the Interrupted that led to an error, None when another cause did."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__cause__ or error.__context__
    return error
