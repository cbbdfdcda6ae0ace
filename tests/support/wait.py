"""Waiting for a condition with a deadline, never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(ask: Callable[[], T], *, seconds: float, every: float = 0.5, what: str = "") -> T:
    """Ask again until the answer is truthy and return it.

    Args:
        ask: the question; an AssertionError or a transport error counts as "not yet".
        seconds: deadline.
        every: pause between two questions in seconds.
        what: what is waited for, for the message.

    Raises:
        AssertionError: the deadline passed; the last answer or error is in the message.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    last: object = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except (AssertionError, OSError, LookupError) as error:
            last = error
        except Exception as error:
            if not type(error).__module__.startswith("httpx"):
                raise
            last = error
        else:
            if answer:
                return answer
            last = answer
        pause.wait(every)
    raise AssertionError(f"{what or 'the condition'} did not come true within {seconds} s; last: {last!r}")
