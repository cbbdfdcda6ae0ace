"""What a relay sends for a stored row belongs to the request that wrote the row."""

from typing import Any

import pytest
from opentelemetry import trace

from pitboss import outbox


def test_what_is_sent_inside_is_a_child_of_the_request(spans: Any) -> None:
    tracer = trace.get_tracer("test")
    with tracer.start_as_current_span("request") as request:
        carrier = outbox.capture()

    with (
        tracer.start_as_current_span("relay loop"),
        outbox.restored(carrier),
        tracer.start_as_current_span("send"),
    ):
        pass

    send = spans.named("send")
    assert send.parent.span_id == request.get_span_context().span_id
    assert send.context.trace_id == request.get_span_context().trace_id


def test_the_callers_context_is_current_again_afterwards(spans: Any) -> None:
    with trace.get_tracer("test").start_as_current_span("relay loop") as loop:
        with outbox.restored({"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}):
            assert trace.get_current_span().get_span_context().trace_id == int("1" * 32, 16)
        assert trace.get_current_span() is loop


def test_capture_without_a_span_is_empty() -> None:
    assert outbox.capture() == {}


@pytest.mark.parametrize(
    "carrier", [None, {}, {"traceparent": "nonsense"}, {"traceparent": 7}, {"traceparent": None}]
)
def test_a_damaged_carrier_gives_an_empty_context(spans: Any, carrier: dict[str, Any] | None) -> None:
    with outbox.restored(carrier):
        assert not trace.get_current_span().get_span_context().is_valid
