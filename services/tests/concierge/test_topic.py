"""Concierge's consumer on a real Kafka and PostgreSQL: redelivery, poison, outage of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from kafka import KafkaConsumer
from kafka.structs import TopicPartition
from support.wait import until

from casino import kafka_client, topics
from casino.consumer import ConsumerThread, Subscription
from casino.events import Topic, WalletEvent
from casino.money import Currency
from concierge.worker import OUTAGES, RewardsWorker

pytestmark = pytest.mark.server

Bet = Callable[..., WalletEvent]


@pytest.fixture
def topic(kafka: str) -> Topic:
    """A topic of this test's own."""
    made = Topic(f"wallet.events.{uuid4().hex}", partitions=1, configs={})
    topics.create(kafka, [made])
    return made


@pytest.fixture
def send(kafka: str, topic: Topic) -> Iterator[Callable[[bytes], None]]:
    producer: Any = kafka_client.producer(kafka, "tests")
    yield lambda value: producer.send(topic.name, value=value, key=b"player-0001").get(10)
    producer.close()


@contextmanager
def consuming(
    kafka: str, topic: Topic, dsn: str, group: str, attempts: list[bytes] | None = None
) -> Iterator[list[str]]:
    """A node of Concierge; gives the reasons of what it rejected, and notes each attempt in `attempts`."""
    rejected: list[str] = []
    worker = RewardsWorker(dsn, published=lambda: None)

    def handle(record: Any) -> None:
        if attempts is not None:
            attempts.append(record.value)
        worker.handle(record)

    consumer = ConsumerThread(
        Subscription(kafka, group, (topic,), "earliest"),
        handle=handle,
        reject=lambda _, reason: rejected.append(reason),
        outages=OUTAGES,
    )
    consumer.start()
    try:
        yield rejected
    finally:
        consumer.stop(15)
        worker.close()


def state(dsn: str) -> tuple[int, int, int]:
    """Volume in minor units, bets applied, rewards events written."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT coalesce(sum(volume_minor), 0) FROM rewards),"
            " (SELECT count(*) FROM applied_event), (SELECT count(*) FROM outbox)"
        ).fetchone()
    assert row is not None
    return int(row[0]), row[1], row[2]


def committed(kafka: str, topic: Topic, group: str) -> int | None:
    """The group's offset."""
    options: dict[str, Any] = {"bootstrap_servers": kafka.split(","), "group_id": group}
    reader: Any = KafkaConsumer(**options)
    try:
        return reader.committed(TopicPartition(topic.name, 0), timeout_ms=5000)
    finally:
        reader.close(autocommit=False)


def test_redelivery_changes_nothing_and_poison_in_the_middle_stops_nothing(
    kafka: str, topic: Topic, send: Callable[[bytes], None], database_url: str, bet: Bet
):
    first, second = bet(1000, currency=Currency.USD), bet(500, currency=Currency.USD)
    for value in (first.encode(), b"\xff{", first.encode(), second.encode(), b"[]"):
        send(value)

    with consuming(kafka, topic, database_url, "first") as rejected:
        until(lambda: committed(kafka, topic, "first") == 5, seconds=60, what="all offsets committed")
    assert rejected == ["not_json", "not_an_object"]
    assert state(database_url) == (1500, 2, 2)

    # Another group starts at the beginning: everything is delivered once more.
    with consuming(kafka, topic, database_url, "second") as rejected:
        until(lambda: committed(kafka, topic, "second") == 5, seconds=60, what="all offsets committed again")
    assert rejected == ["not_json", "not_an_object"]
    assert state(database_url) == (1500, 2, 2)


def test_while_the_database_refuses_nothing_is_skipped_and_nothing_lost(
    kafka: str, topic: Topic, send: Callable[[bytes], None], database_url: str, postgres: str, bet: Bet
):
    name = database_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        attempts: list[bytes] = []
        bets = [bet(100, currency=Currency.USD).encode() for _ in range(3)]
        with consuming(kafka, topic, database_url, "waiting", attempts) as rejected:
            for value in bets:
                send(value)
            until(lambda: len(attempts) >= 3, seconds=60, what="the first bet tried again and again")
            assert set(attempts) == {bets[0]}
            assert committed(kafka, topic, "waiting") is None
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            until(lambda: state(database_url) == (300, 3, 3), seconds=60, what="all three bets counted")
    assert rejected == []


def test_a_join_that_outlasts_a_look_still_gets_its_partitions(
    kafka: str, topic: Topic, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("casino.consumer._LOOK_UP_MS", 5)
    for number in range(3):
        subscription = Subscription(kafka, f"joining-{number}", (topic,), "latest")
        consumer = ConsumerThread(subscription, handle=lambda _: None, reject=lambda *_: None)
        consumer.start()
        try:
            until(lambda each=consumer: each.is_assigned, seconds=8, every=0.05, what="an assignment")
        finally:
            consumer.stop(10)
