"""A producer and a consumer without a broker: kafka-python's own classes, the wire replaced."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import kafka
import pytest
from kafka.consumer.fetcher import ConsumerRecord
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.structs import TopicPartition

from pitboss.kafka import KafkaInstrumentor


@dataclass
class Wire:
    """What was sent, and what will be received."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    futures: list[FutureProduceResult] = field(default_factory=list)
    waiting: deque[Any] = field(default_factory=deque)
    error: Exception | None = None
    clients: list[Any] = field(default_factory=list)

    def receive(self, topic: str, value: bytes | None = b"{}", headers: Any = (), offset: int = 0) -> Any:
        """Let the next poll return this record."""
        sizes = (-1, -1, -1)
        record = ConsumerRecord(topic, 0, 0, offset, 1700000000000, 0, None, value, headers, None, *sizes)
        self.waiting.append(record)
        return record


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The replaced wire; nothing is instrumented yet."""
    wire = Wire()
    config = {"bootstrap_servers": ["kafka:9092"], "client_id": "c1", "group_id": None}

    def init(client: Any, **options: Any) -> None:
        client.config = {
            **config,
            "api_version": (4, 0),
            "max_poll_records": 500,
            "consumer_timeout_ms": 30,
            **options,
        }
        client._closed = False
        wire.clients.append(client)
        client._iterator = None

    def send(
        producer: Any, topic: Any, value: Any = None, key: Any = None, headers: Any = None, **rest: Any
    ) -> Any:
        if wire.error is not None:
            raise wire.error
        if not isinstance(headers, list | None):  # as kafka-python 3.0.12 does
            raise TypeError("headers must be list-type")
        wire.sent.append({"topic": topic, "value": value, "key": key, "headers": headers, "rest": rest})
        wire.futures.append(FutureProduceResult(TopicPartition(topic, 3)))
        return FutureRecordMetadata(wire.futures[-1], 0, 0, None, -1, -1, -1)

    def poll_once(consumer: Any, timer: Any, max_records: int, update_offsets: bool = True) -> Any:
        batches: dict[TopicPartition, list[Any]] = {}
        while wire.waiting:
            record = wire.waiting.popleft()
            batches.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
        return batches

    def generate(consumer: Any) -> Iterator[Any]:
        for records in consumer.poll(timeout_ms=0, update_offsets=False).values():
            yield from records

    def close(consumer: Any, **options: Any) -> None:
        consumer._closed = True

    for cls in (kafka.KafkaProducer, kafka.KafkaConsumer):
        monkeypatch.setattr(cls, "__init__", init)
        monkeypatch.setattr(cls, "__del__", lambda _: None, raising=False)
        monkeypatch.setattr(cls, "close", close)
    monkeypatch.setattr(kafka.KafkaProducer, "send", send)
    monkeypatch.setattr(kafka.KafkaConsumer, "_poll_once", poll_once)
    monkeypatch.setattr(kafka.KafkaConsumer, "_message_generator_v2", generate)
    yield wire
    for client in wire.clients:
        client._closed = True  # or its real __del__ would want to close what it does not have


@pytest.fixture
def instrumented(wire: Wire, spans: Any, measurements: Any) -> Iterator[Wire]:
    """The wire with Pitboss on top; telemetry goes to `spans` and `measurements`."""
    KafkaInstrumentor().instrument()
    yield wire
    KafkaInstrumentor().uninstrument()
