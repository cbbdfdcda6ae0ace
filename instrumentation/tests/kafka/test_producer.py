"""What `send` leaves in the trace, in the headers and in the metrics."""

from typing import Any

import kafka
import pytest
from kafka.errors import KafkaTimeoutError
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01".encode()


def _traceparents(headers: Any) -> list[bytes]:
    return [value for name, value in headers if name == "traceparent"]


def test_the_span_lasts_until_the_acknowledgement(instrumented: Any, spans: Any) -> None:
    with trace.get_tracer("test").start_as_current_span("bet"):
        future = kafka.KafkaProducer().send("wallet.events", b"{}")
    assert [span.name for span in spans.all] == ["bet"]

    instrumented.futures[0].success((41, -1, None))

    assert spans.tree() == {"bet": {"send wallet.events": {}}}
    assert future.get().offset == 41


def test_names_and_types_follow_the_conventions(instrumented: Any, spans: Any) -> None:
    kafka.KafkaProducer().send("wallet.events", b"{}", key=b"player-0001")
    instrumented.futures[0].success((41, -1, None))

    (span,) = spans.all
    assert span.kind is SpanKind.PRODUCER
    assert span.instrumentation_scope.name == "pitboss.kafka"
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"
    assert dict(span.attributes) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "wallet.events",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 41,
        "messaging.client.id": "c1",
        "server.address": "kafka",
        "server.port": 9092,
    }


def test_the_headers_carry_the_send_spans_context(instrumented: Any, spans: Any) -> None:
    kafka.KafkaProducer().send("wallet.events", b"{}", headers=[("schema", b"1")])
    instrumented.futures[0].success((0, -1, None))

    (span,) = spans.all
    headers = instrumented.sent[0]["headers"]
    ids = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
    expected = f"00-{ids}-{span.context.trace_flags:02x}".encode()
    assert headers[0] == ("schema", b"1")
    assert _traceparents(headers) == [expected]


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {"topic": "t", "value": b"v"}),
        (("t", b"v", b"k", None), {}),
        (("t", b"v", b"k", [("a", b"b")]), {}),
        (("t",), {"value": b"v", "headers": None}),
        (("t", b"v", b"k", [], 3, 1700000000000), {}),
    ],
)
def test_every_way_to_call_it_works(instrumented: Any, args: Any, kwargs: Any) -> None:
    kafka.KafkaProducer().send(*args, **kwargs)

    assert len(_traceparents(instrumented.sent[0]["headers"])) == 1
    assert instrumented.sent[0]["value"] == b"v"


def test_a_reused_list_of_headers_is_not_changed(instrumented: Any) -> None:
    producer, headers = kafka.KafkaProducer(), [("schema", b"1")]
    producer.send("t", b"1", headers=headers)
    producer.send("t", b"2", headers=headers)

    assert headers == [("schema", b"1")]
    assert [len(_traceparents(sent["headers"])) for sent in instrumented.sent] == [1, 1]


def test_a_context_that_the_caller_put_in_stays_and_is_linked(instrumented: Any, spans: Any) -> None:
    kafka.KafkaProducer().send("t", b"v", headers=[("traceparent", GIVEN)])
    instrumented.futures[0].success((0, -1, None))

    (span,) = spans.all
    assert instrumented.sent[0]["headers"] == [("traceparent", GIVEN)]
    assert span.kind is SpanKind.CLIENT
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]


@pytest.mark.parametrize("headers", [(("a", b"b"),), [("a",)], ["a"], [("a", None)], {"a": b"b"}])
def test_wrong_headers_are_the_producers_business(instrumented: Any, headers: Any) -> None:
    if isinstance(headers, list):
        kafka.KafkaProducer().send("t", b"v", headers=headers)
        assert instrumented.sent[0]["headers"][: len(headers)] == headers
    else:
        with pytest.raises(TypeError, match="headers must be list-type"):
            kafka.KafkaProducer().send("t", b"v", headers=headers)


def test_what_send_raises_is_on_the_span_and_reaches_the_caller(
    instrumented: Any, spans: Any, measurements: Any
) -> None:
    instrumented.error = KafkaTimeoutError("no metadata")
    with pytest.raises(KafkaTimeoutError):
        kafka.KafkaProducer().send("t", b"v")

    (span,) = spans.all
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "KafkaTimeoutError"
    (point,) = measurements.points("messaging.client.sent.messages")
    assert (point.value, point.attributes["error.type"]) == (1, "KafkaTimeoutError")


def test_a_message_that_the_broker_refuses_is_an_error(instrumented: Any, spans: Any) -> None:
    kafka.KafkaProducer().send("t", b"v")
    instrumented.futures[0].failure(KafkaTimeoutError("delivery"))

    (span,) = spans.all
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "KafkaTimeoutError"


def test_an_old_broker_gets_no_headers(instrumented: Any, spans: Any) -> None:
    kafka.KafkaProducer(api_version=(0, 10)).send("t", b"v")
    instrumented.futures[0].success((0, -1, None))

    assert instrumented.sent[0]["headers"] is None
    assert len(spans.all) == 1


def test_metrics(instrumented: Any, measurements: Any) -> None:
    for _ in range(2):
        kafka.KafkaProducer().send("t", b"v")
    for future in instrumented.futures:
        future.success((0, -1, None))

    common = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "t",
        "server.address": "kafka",
        "server.port": 9092,
    }
    (sent,) = measurements.points("messaging.client.sent.messages")
    (duration,) = measurements.points("messaging.client.operation.duration")
    assert (sent.value, dict(sent.attributes)) == (2, common)
    assert (duration.count, dict(duration.attributes)) == (2, common)
    assert duration.explicit_bounds[0] == 0.005


def test_a_wrong_call_raises_what_the_producer_raises(instrumented: Any, spans: Any) -> None:
    with pytest.raises(TypeError):
        kafka.KafkaProducer().send()
    assert spans.all == ()
