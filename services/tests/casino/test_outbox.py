"""The outbox: in order per player, at least once, through failures, by one relay at a time."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError

from casino import outbox
from casino.events import WalletEvent, WalletEventType
from casino.money import Currency
from casino.outbox import OutboxRelay, Row, waves


def event(player: str, sequence: int) -> WalletEvent:
    """A bet of a player."""
    return WalletEvent(
        type=WalletEventType.BET,
        event_id=uuid.uuid4(),
        player_id=player,
        player_sequence=sequence,
        transaction_id=f"{player}-{sequence}",
        round_id="r",
        game_id="g",
        currency=Currency.EUR,
        exponent=2,
        amount_minor=100,
        balance_minor=0,
        reporting_currency=Currency.USD,
        reporting_amount_minor=108,
        reporting_exponent=2,
        reporting_rate=Decimal("1.08"),
        occurred_at=datetime.now(UTC),
    )


class Future:
    """What a producer's `send` returns, settled already."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def get(self, timeout: float) -> None:
        if self._error is not None:
            raise self._error


class Broker:
    """Stands in for Kafka where failures must come at exact points; keeps what it acknowledged, in order."""

    def __init__(self) -> None:
        self.received: list[tuple[str, int]] = []
        self.failures: list[Callable[[WalletEvent], bool]] = []
        self.connections = 0

    def connect(self, servers: str, client_id: str) -> "Broker":
        self.connections += 1
        return self

    def send(self, topic: str, value: bytes, key: bytes) -> Future:
        sent = WalletEvent.decode(value)
        for fails in list(self.failures):
            if fails(sent):
                self.failures.remove(fails)
                return Future(KafkaTimeoutError("no acknowledgement"))
        self.received.append((sent.player_id, sent.player_sequence))
        return Future(None)

    def close(self, timeout: float) -> None:
        pass


@contextmanager
def relaying(url: str, broker: Broker) -> Iterator[OutboxRelay]:
    """A relay from the database to the broker."""
    relay = OutboxRelay(url, "unused:1", "test", ["wallet.events"], make_producer=broker.connect)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop(2)


def write(url: str, *events: WalletEvent) -> None:
    """Write events in one transaction."""
    with psycopg.connect(url) as connection:
        for item in events:
            outbox.write(connection, item)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def unpublished(url: str) -> int:
    """Number of events that wait."""
    with psycopg.connect(url) as connection:
        row: Any = connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
        return row[0]


@given(st.lists(st.sampled_from("abc")))
def test_no_wave_has_a_key_twice_and_each_key_keeps_its_order(keys: list[str]) -> None:
    rows = [Row(number, "t", key, b"", {}) for number, key in enumerate(keys)]
    split = waves(rows)
    assert sorted(row.id for wave in split for row in wave) == list(range(len(keys)))
    for wave in split:
        assert len({row.key for row in wave}) == len(wave)
    for key in set(keys):
        numbers = [row.id for wave in split for row in wave if row.key == key]
        assert numbers == sorted(numbers)


@pytest.mark.server
def test_events_are_published_in_order_and_once(outbox_database: str) -> None:
    broker = Broker()
    with relaying(outbox_database, broker) as relay:
        for number in range(1, 31):
            write(outbox_database, event("a", number), event("b", number))
            relay.wake()
        until(lambda: len(broker.received) == 60)
        until(lambda: unpublished(outbox_database) == 0)
    for player in "ab":
        assert [number for who, number in broker.received if who == player] == list(range(1, 31))


@pytest.mark.server
def test_an_event_that_was_rolled_back_is_never_published(outbox_database: str) -> None:
    broker = Broker()
    with relaying(outbox_database, broker):
        with psycopg.connect(outbox_database) as connection:
            outbox.write(connection, event("a", 1))
            connection.rollback()
        write(outbox_database, event("a", 2))
        until(lambda: broker.received != [])
    assert broker.received == [("a", 2)]


@pytest.mark.server
def test_no_event_overtakes_an_earlier_one_that_failed(outbox_database: str) -> None:
    broker = Broker()
    broker.failures = [
        lambda sent: (sent.player_id, sent.player_sequence) == ("a", 2),
        lambda sent: (sent.player_id, sent.player_sequence) == ("a", 2),
    ]
    write(outbox_database, *(event(player, number) for number in (1, 2, 3) for player in "ab"))
    with relaying(outbox_database, broker):
        until(lambda: unpublished(outbox_database) == 0)
    assert [number for who, number in broker.received if who == "a"] == [1, 2, 3]
    assert [number for who, number in broker.received if who == "b"] == [1, 2, 3]
    assert broker.connections == 3


@pytest.mark.server
def test_the_relay_survives_the_loss_of_its_connection(outbox_database: str, postgres: str) -> None:
    broker = Broker()
    with relaying(outbox_database, broker):
        write(outbox_database, event("a", 1))
        until(lambda: unpublished(outbox_database) == 0)
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'test-outbox' AND datname = %s",
                (outbox_database.rsplit("/", 1)[1],),
            )
        write(outbox_database, event("a", 2))
        until(lambda: unpublished(outbox_database) == 0)
    assert broker.received == [("a", 1), ("a", 2)]


@pytest.mark.server
def test_one_of_two_relays_works_and_the_other_takes_over(outbox_database: str) -> None:
    first, second = Broker(), Broker()
    with ExitStack() as stack:
        leader = stack.enter_context(relaying(outbox_database, first))
        until(lambda: first.connections == 1)
        stack.enter_context(relaying(outbox_database, second))
        write(outbox_database, *(event("a", number) for number in range(1, 6)))
        until(lambda: unpublished(outbox_database) == 0)
        assert second.received == []
        leader.stop(2)
        write(outbox_database, event("a", 6))
        until(lambda: unpublished(outbox_database) == 0)
    assert [number for _, number in first.received + second.received] == list(range(1, 7))
    assert second.received == [("a", 6)]


@pytest.mark.server
def test_stopping_publishes_what_is_there(outbox_database: str) -> None:
    broker = Broker()
    with relaying(outbox_database, broker):
        until(lambda: broker.connections == 1)
        write(outbox_database, *(event("a", number) for number in range(1, 1201)))
    assert unpublished(outbox_database) == 0
    assert len(broker.received) == 1200


@pytest.mark.server
def test_the_backlog_is_measured(outbox_database: str) -> None:
    broker = Broker()
    broker.failures = [lambda _: True] * 1000
    write(outbox_database, event("a", 1), event("b", 1))
    with relaying(outbox_database, broker) as relay:
        until(lambda: [o.value for o in relay._observe_pending()] == [2])
        [age] = relay._observe_age()
        assert age.attributes == {"topic": "wallet.events"}
        until(lambda: next(iter(relay._observe_age())).value > age.value)
