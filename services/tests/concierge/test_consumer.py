"""What a consumer does with poison, outages and mistakes, shown with a broker that is a list."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from kafka.structs import TopicPartition
from support.wait import until

from casino import consumer as module
from casino import metrics
from casino.consumer import Backoff, ConsumerThread, Subscription
from casino.events import WALLET_EVENTS, EventReason, InvalidEventError

SUBSCRIPTION = Subscription("127.0.0.1:1", "test", (WALLET_EVENTS,), "earliest")
PARTITION = TopicPartition("wallet.events", 0)


class OutageError(Exception):
    """A dependency that is away."""


class Broker:
    """One partition. Stands in for KafkaConsumer."""

    def __init__(self, *values: bytes) -> None:
        self.values = list(values)
        self.position_now = 0
        self.commits: list[int] = []
        self.commit_errors: list[Exception] = []
        self.drained = threading.Event()
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        while self.position_now < len(self.values):
            offset, self.position_now = self.position_now, self.position_now + 1
            yield SimpleNamespace(
                topic="wallet.events", partition=0, offset=offset, value=self.values[offset]
            )
        self.drained.set()
        threading.Event().wait(0.01)

    def commit(self, offsets: dict[TopicPartition, Any], timeout_ms: int) -> None:
        if self.commit_errors:
            raise self.commit_errors.pop(0)
        self.commits.append(offsets[PARTITION].offset)

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self.position_now

    def committed(self, partition: TopicPartition, timeout_ms: int) -> int | None:
        return self.commits[-1] if self.commits else None

    def close(self, autocommit: bool, timeout_ms: int) -> None:
        self.closed += 1


Handle = Callable[[bytes], None]
Run = Callable[..., list[tuple[bytes, str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Consumes all that a broker has and returns what was rejected."""
    monkeypatch.setattr(module.reachability, "require_broker", lambda _: None)
    monkeypatch.setattr(module.topics, "create", lambda *_: [])

    def consume(broker: Broker, handle: Handle) -> list[tuple[bytes, str]]:
        monkeypatch.setattr(module, "_connect", lambda _: broker)
        rejected: list[tuple[bytes, str]] = []
        thread = ConsumerThread(
            SUBSCRIPTION,
            handle=lambda record: handle(record.value),
            reject=lambda record, reason: rejected.append((record.value, reason)),
            outages=(OutageError,),
        )
        thread.start()
        try:
            assert broker.drained.wait(10), "not all messages were handled"
            until(lambda: thread.is_assigned, seconds=10, every=0.01, what="the assignment")
        finally:
            thread.stop(10)
        return rejected

    return consume


def test_poison_in_the_middle_is_rejected_with_its_reason_and_the_offset_advances(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    counted: list[dict[str, str]] = []
    counter = SimpleNamespace(add=lambda _, attributes: counted.append(attributes))
    monkeypatch.setattr(metrics, "consumer_rejected", counter)
    handled: list[bytes] = []

    def handle(value: bytes) -> None:
        if value == b"poison":
            raise InvalidEventError(EventReason.NOT_JSON)
        handled.append(value)

    broker = Broker(b"1", b"poison", b"2")
    rejected = run(broker, handle)

    assert handled == [b"1", b"2"]
    assert rejected == [(b"poison", "not_json")]
    assert counted == [{"group": "test", "topic": "wallet.events", "reason": "not_json"}]
    assert broker.commits == [1, 2, 3]
    assert broker.closed == 1


def test_an_outage_is_waited_for_and_nothing_is_skipped(run: Run):
    outages = [OutageError("away")] * 3
    handled: list[bytes] = []

    def handle(value: bytes) -> None:
        if outages:
            raise outages.pop()
        handled.append(value)

    broker = Broker(b"1", b"2")

    assert run(broker, handle) == []
    assert handled == [b"1", b"2"]
    assert broker.commits == [1, 2]


def test_a_mistake_of_ours_is_tried_again_and_then_given_up_as_internal(run: Run):
    attempts: list[bytes] = []

    def handle(value: bytes) -> None:
        attempts.append(value)
        if value == b"breaks":
            raise ZeroDivisionError

    broker = Broker(b"breaks", b"2")

    assert run(broker, handle) == [(b"breaks", "internal")]
    assert attempts == [b"breaks"] * module.MAX_ATTEMPTS + [b"2"]
    assert broker.commits == [1, 2]


def test_a_commit_that_fails_stops_nothing(run: Run):
    broker = Broker(b"1", b"2")
    broker.commit_errors = [KafkaTimeoutError("no answer")]
    handled: list[bytes] = []

    assert run(broker, handled.append) == []
    assert handled == [b"1", b"2"]
    assert broker.commits[-1] == 2


def test_kafka_away_at_the_start_is_connected_to_later(run: Run, monkeypatch: pytest.MonkeyPatch):
    refusals = [KafkaConnectionError("away")] * 2

    def create(*_: object) -> list[str]:
        if refusals:
            raise refusals.pop()
        return []

    monkeypatch.setattr(module.topics, "create", create)
    handled: list[bytes] = []
    run(Broker(b"1"), handled.append)

    assert handled == [b"1"]
    assert refusals == []


def test_where_an_empty_partition_starts_is_committed(run: Run):
    broker = Broker()
    broker.position_now = 0

    run(broker, lambda _: None)

    assert broker.commits == [0]


def test_stopping_in_the_middle_of_an_outage_leaves_the_offset_alone(monkeypatch: pytest.MonkeyPatch):
    broker = Broker(b"1")
    tried = threading.Event()

    def handle(_: object) -> None:
        tried.set()
        raise OutageError

    monkeypatch.setattr(module.reachability, "require_broker", lambda _: None)
    monkeypatch.setattr(module.topics, "create", lambda *_: [])
    monkeypatch.setattr(module, "_connect", lambda _: broker)
    thread = ConsumerThread(SUBSCRIPTION, handle, reject=lambda *_: None, outages=(OutageError,))
    thread.start()
    assert tried.wait(10)
    thread.stop(10)

    assert broker.commits == []
    assert broker.closed == 1


def test_pauses_grow_to_the_longest_and_begin_again_after_success():
    backoff = Backoff(shortest=1, longest=5)

    assert [backoff.pause() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.pause() == 1
