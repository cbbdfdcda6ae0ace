"""Trace context on the wire: a trailing `{"_otel": {"traceparent": ...}}`, between peers that agreed on it.

A client announces itself in the handshake (query `otel=1` or header), the server answers `"otel": 1` in the
data of its CONNECT packet. Whoever does not know this sees the very bytes it would see without Pitboss.
Neither baggage nor tracestate travels: to a browser they would be a leak, from one they are not trusted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qs

from opentelemetry.trace import SpanContext

from pitboss._internal.trust import span_context, traceparent

KEY = "_otel"
CAPABILITY = "otel"
HEADER = "socketio-otel"


def announces(environ: Mapping[str, Any]) -> bool:
    """Say whether the handshake of this WSGI environment offers to carry context."""
    if environ.get("HTTP_SOCKETIO_OTEL") == "1":
        return True
    return parse_qs(str(environ.get("QUERY_STRING", ""))).get(CAPABILITY) == ["1"]


def of_handshake(environ: Mapping[str, Any]) -> SpanContext | None:
    """Return the context in which the client connects, from a header or the query."""
    given = environ.get("HTTP_TRACEPARENT")
    if given is None:
        given = next(iter(parse_qs(str(environ.get("QUERY_STRING", ""))).get("traceparent", ())), None)
    return span_context(given)


def carrier(context: SpanContext) -> dict[str, dict[str, str]]:
    """Return the trailing argument that carries a span's context."""
    return {KEY: {"traceparent": traceparent(context)}}


def split(arguments: Sequence[Any]) -> tuple[list[Any], SpanContext | None]:
    """Return an event's arguments without the carrier, and what it carried (None when malformed)."""
    if len(arguments) < 2 or not isinstance(arguments[-1], dict):
        return list(arguments), None
    last = cast("dict[str, Any]", arguments[-1])
    if set(last) != {KEY}:
        return list(arguments), None
    carried = last[KEY]
    given = cast("dict[str, Any]", carried).get("traceparent") if isinstance(carried, dict) else None
    return list(arguments[:-1]), span_context(given)


def splice(encoded: str, context: SpanContext) -> str:
    """Return an encoded event packet with the carrier added as its last argument."""
    return f'{encoded[:-1]},{{"{KEY}":{{"traceparent":"{traceparent(context)}"}}}}]'
