"""Trace context that cannot be read is counted and logged, and a new trace begins: nothing is ever raised."""

import logging
import time
from functools import lru_cache
from typing import Any

from opentelemetry import metrics, propagate
from opentelemetry.context import Context
from opentelemetry.metrics import Counter, MeterProvider
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, default_getter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_log = logging.getLogger(__name__)

_HEADER = "traceparent"
_SILENCE_SECONDS = 60.0
_CARRIERS = {"ASGIGetter": "http", "LastValue": "kafka"}
"""What a getter's class reads from. Everything else is `other`, so that the attribute has few values."""

_next_line: dict[str, float] = {}


class CountingTraceContextPropagator(TraceContextTextMapPropagator):
    """W3C trace context; a `traceparent` that is there and malformed does not go unnoticed."""

    def extract(
        self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter
    ) -> Context:
        """Return `context` with the carrier's trace; as it is where there is none or it is malformed."""
        before = Context() if context is None else context
        after = super().extract(carrier, before, getter)
        if after is before and getter.get(carrier, _HEADER):
            note_malformed(_CARRIERS.get(type(getter).__name__, "other"))
        return after


def install() -> None:
    """Put the counting propagator in the place of the plain one; the user's choice of propagators stays."""
    current = propagate.get_global_textmap()
    members: Any = getattr(current, "_propagators", (current,))
    counting = [
        CountingTraceContextPropagator() if type(member) is TraceContextTextMapPropagator else member
        for member in members
    ]
    propagate.set_global_textmap(CompositePropagator(counting))


def note_malformed(carrier: str) -> None:
    """Count a malformed trace context, and log it once a minute: whoever sends it may send many.

    Args:
        carrier: http, kafka, socketio or other.
    """
    _counter(metrics.get_meter_provider()).add(1, {"carrier": carrier})
    now = time.monotonic()
    if now >= _next_line.get(carrier, 0.0):
        _next_line[carrier] = now + _SILENCE_SECONDS
        _log.warning("malformed trace context on %s, a new trace begins", carrier)


@lru_cache(maxsize=2)
def _counter(provider: MeterProvider) -> Counter:
    return provider.get_meter("pitboss").create_counter(
        "pitboss.propagation.malformed",
        unit="{context}",
        description="Trace contexts of peers that could not be read; a new trace began.",
    )
