"""Against a real broker: what a fake of the wire can't show."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from pitboss import outbox
from pitboss.kafka import KafkaInstrumentor, process

pytestmark = pytest.mark.server


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    """A topic of the test's own with two partitions."""
    name = f"pitboss-test-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    yield name
    admin.delete_topics([name])
    admin.close()


@pytest.fixture
def instrumented(spans: Any, measurements: Any) -> Iterator[None]:
    KafkaInstrumentor().instrument()
    yield
    KafkaInstrumentor().uninstrument()


@pytest.fixture
def producer(kafka: str, instrumented: Any) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(bootstrap_servers=kafka)
    yield producer
    producer.close()


def _consumer(kafka: str, topic: str) -> KafkaConsumer:
    return KafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        group_id=f"g-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        consumer_timeout_ms=20000,
    )


def test_one_trace_from_the_request_through_two_hops(
    kafka: str, topic: str, producer: KafkaProducer, spans: Any
) -> None:
    """As Vault's outbox relay, Concierge and Room-Service do it, in threads of their own."""
    tracer = trace.get_tracer("test")
    with tracer.start_as_current_span("POST /wallet/bet"):
        carrier = outbox.capture()

    def relay() -> None:
        with outbox.restored(carrier):
            producer.send(topic, b"wallet", partition=0).get(timeout=10)

    def concierge() -> None:
        consumer = _consumer(kafka, topic)
        for record in consumer:
            with process(record):
                producer.send(topic, b"rewards", partition=1).get(timeout=10)
            break
        consumer.close()

    def room_service() -> None:
        consumer = _consumer(kafka, topic)
        for record in consumer:
            if record.value == b"rewards":
                tracer.start_span("push").end()
                break
        consumer.close()

    for work in (relay, concierge, room_service):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)

    assert len({span.context.trace_id for span in spans.all}) == 1
    hop = f"send {topic}", f"process {topic}"
    push = spans.named("push")
    by_id = {span.context.span_id: span for span in spans.all}
    path = [push]
    while path[-1].parent is not None:
        path.append(by_id[path[-1].parent.span_id])
    assert [span.name for span in reversed(path)] == ["POST /wallet/bet", *hop, *hop, "push"]


def test_the_broker_tells_partition_and_offset(topic: str, producer: KafkaProducer, spans: Any) -> None:
    sent = producer.send(topic, b"v", partition=1).get(timeout=10)

    span = spans.named(f"send {topic}")
    assert span.attributes["messaging.kafka.offset"] == sent.offset == 0
    assert span.attributes["messaging.destination.partition.id"] == "1"


def test_a_batch_of_polled_records(kafka: str, topic: str, producer: KafkaProducer, spans: Any) -> None:
    for number in range(10):
        producer.send(topic, str(number).encode(), partition=0)
    producer.flush(10)
    consumer, seen = _consumer(kafka, topic), []
    while len(seen) < 10:
        for records in consumer.poll(timeout_ms=1000).values():
            seen += [trace.get_current_span().get_span_context().trace_id for _ in records]
    consumer.close()

    sent = [span.context.trace_id for span in spans.all if span.name == f"send {topic}"]
    assert sorted(seen) == sorted(sent)
    assert len(sent) == 10


def test_a_poison_header_stops_no_consumer(
    kafka: str, topic: str, producer: KafkaProducer, spans: Any
) -> None:
    KafkaInstrumentor().uninstrument()
    producer.send(topic, b"poison", headers=[("traceparent", b"\xff\xfe")], partition=0).get(timeout=10)
    producer.send(topic, None, key=b"tombstone", headers=[("traceparent", b"x" * 9000)], partition=0).get(10)
    KafkaInstrumentor().instrument()
    consumer, values = _consumer(kafka, topic), []
    for record in consumer:
        values.append(record.value)
        if len(values) == 2:
            break
    consumer.close()

    assert values == [b"poison", None]
    first, second = (span for span in spans.all if span.name == f"process {topic}")
    assert first.parent is None
    assert second.attributes["messaging.kafka.message.tombstone"] is True


def test_a_message_that_is_too_large(topic: str, producer: KafkaProducer, spans: Any) -> None:
    with pytest.raises(Exception, match="bytes"):
        producer.send(topic, b"x" * 2_000_000)

    span = spans.named(f"send {topic}")
    assert (span.status.status_code, span.attributes["error.type"]) == (
        StatusCode.ERROR,
        "MessageSizeTooLargeError",
    )
