"""Carries a request's trace through a transactional outbox.

The row is written inside the request, the message is sent later by a relay: `capture` stores the context
with the row, `restored` brings it back, so that what the relay sends is a child of the request.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context

from pitboss._internal.scope import current


def capture() -> dict[str, str]:
    """Return the current context as a carrier of W3C headers, to be stored as JSON; empty without a span."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def restored(carrier: Mapping[str, Any] | None) -> Generator[None, None, None]:
    """Run the body in the context that `capture` stored.

    What the caller's own context holds is left aside: the relay's loop is no part of the request's trace.

    Args:
        carrier: what `capture` returned, also after a round trip through jsonb. A missing or damaged one
            gives an empty context; nothing is raised.
    """
    strings = {key: value for key, value in (carrier or {}).items() if isinstance(value, str)}
    with current(propagate.extract(strings, context=Context())):
        yield
