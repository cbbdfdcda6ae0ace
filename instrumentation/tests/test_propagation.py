"""A malformed trace context: a new trace, a count, a line a minute."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import asgi_getter
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pitboss import propagation
from pitboss._internal.trust import span_context
from pitboss.kafka import _headers

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MALFORMED = ["garbage", "", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff-" + "1" * 500]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The propagators that a user has by default, made counting."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )
    monkeypatch.setattr(propagation, "_next_line", {})
    propagation.install()
    yield
    propagate.set_global_textmap(before)


def trace_id(context: Context) -> int:
    """The trace that a context belongs to, 0 for none."""
    return trace.get_current_span(context).get_span_context().trace_id


def http(value: str) -> Context:
    """Extract as the ASGI instrumentation does."""
    scope = {"type": "http", "headers": [(b"traceparent", value.encode())]}
    return propagate.extract(scope, context=Context(), getter=asgi_getter)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("value", MALFORMED[:1] + MALFORMED[2:])
def test_a_malformed_header_begins_a_new_trace_and_is_counted(value: str, measurements: Any) -> None:
    assert trace_id(http(value)) == 0
    assert trace_id(_headers.extract([("traceparent", value.encode())])) == 0
    assert span_context(value) is None
    counted = {p.attributes["carrier"]: p.value for p in measurements.points("pitboss.propagation.malformed")}
    assert counted == {"http": 1, "kafka": 1, "socketio": 1}


@pytest.mark.usefixtures("installed")
def test_bytes_that_are_no_text_count_as_malformed(measurements: Any) -> None:
    assert trace_id(_headers.extract([("traceparent", b"\xff\xfe"), ("tracestate", b"\xff")])) == 0
    assert [p.attributes["carrier"] for p in measurements.points("pitboss.propagation.malformed")] == [
        "kafka"
    ]


@pytest.mark.usefixtures("installed")
def test_good_and_absent_headers_are_not_counted(measurements: Any) -> None:
    assert trace_id(http(GOOD)) == int(GOOD[3:35], 16)
    assert propagate.extract({"type": "http", "headers": []}, context=Context(), getter=asgi_getter) == {}
    assert span_context(None) is None
    assert measurements.points("pitboss.propagation.malformed") == []


@pytest.mark.usefixtures("installed")
def test_a_flood_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pitboss.propagation"):
        for _ in range(100):
            http("garbage")
    assert [record.getMessage() for record in caplog.records] == [
        "malformed trace context on http, a new trace begins"
    ]


@pytest.mark.usefixtures("installed")
def test_the_other_propagators_stay() -> None:
    propagation.install()
    context = propagate.extract({"traceparent": GOOD, "baggage": "a=b"}, context=Context())
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=context)
    assert carrier == {"traceparent": GOOD, "baggage": "a=b"}
