"""Exactly once on a real PostgreSQL: duplicates, any order, two nodes at a time, huge amounts."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casino.events import EventReason, InvalidEventError, RewardsEvent, RewardsEventType, Tier, WalletEvent
from casino.events import WalletEventType as Kind
from casino.money import Currency
from concierge.rewards import apply_bet
from concierge.worker import RewardsWorker

pytestmark = pytest.mark.server

Bet = Callable[..., WalletEvent]
Rows = list[tuple[Any, ...]]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def worker(database_url: str) -> Iterator[RewardsWorker]:
    made = RewardsWorker(database_url, published=lambda: None)
    yield made
    made.close()


def outbox(connection: psycopg.Connection[Any]) -> list[RewardsEvent]:
    rows = connection.execute("SELECT value FROM outbox ORDER BY id").fetchall()
    return [RewardsEvent.decode(bytes(row[0])) for row in rows]


def volumes(connection: psycopg.Connection[Any]) -> Rows:
    return connection.execute(
        "SELECT player_id, volume_minor::text, sequence FROM rewards ORDER BY 1"
    ).fetchall()


def test_a_bet_adds_volume_and_writes_its_event(connection: psycopg.Connection[Any], bet: Bet):
    event = bet(1000)

    applied = apply_bet(connection, event)

    assert applied is not None
    assert volumes(connection) == [("player-0001", "1080", 1)]
    (written,) = outbox(connection)
    assert written == applied.event
    assert written.type is RewardsEventType.PROGRESS
    assert written.source_event_id == event.event_id
    assert (written.vip_points, written.tier, written.next_tier) == (10, Tier.BRONZE, Tier.SILVER)
    assert written.occurred_at == event.occurred_at.astimezone(UTC)


def test_the_bet_that_reaches_a_tier_levels_up(connection: psycopg.Connection[Any], bet: Bet):
    for amount in (9_000, 1_000, 500_000):
        apply_bet(connection, bet(amount))

    events = outbox(connection)
    assert [event.type for event in events] == ["progress", "level_up", "level_up"]
    assert [(event.previous_tier, event.tier) for event in events[1:]] == [
        ("bronze", "silver"),
        ("silver", "gold"),
    ]
    assert [event.player_sequence for event in events] == [1, 2, 3]


def test_a_second_delivery_changes_nothing(connection: psycopg.Connection[Any], bet: Bet):
    event = bet(1000)

    assert apply_bet(connection, event) is not None
    assert apply_bet(connection, event) is None
    assert volumes(connection) == [("player-0001", "1080", 1)]
    assert len(outbox(connection)) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 10**9)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_any_order_with_any_duplicates_gives_the_same(
    connection: psycopg.Connection[Any], bet: Bet, bets: list[tuple[int, int]], shuffler: random.Random
):
    connection.execute("TRUNCATE rewards, applied_event, outbox")
    events = [bet(amount, f"player-{number}", Currency.USD) for number, amount in bets]
    deliveries = events * 2
    shuffler.shuffle(deliveries)

    for event in deliveries:
        apply_bet(connection, event)

    expected: dict[str, tuple[int, int]] = {}
    for event in events:
        volume, count = expected.get(event.player_id, (0, 0))
        expected[event.player_id] = (volume + event.amount_minor, count + 1)
    assert volumes(connection) == [(player, str(v), c) for player, (v, c) in sorted(expected.items())]
    assert {event.source_event_id for event in outbox(connection)} == {event.event_id for event in events}
    assert len(outbox(connection)) == len(events)


def test_two_nodes_with_the_same_message_apply_it_once(database_url: str, bet: Bet):
    events = [bet(100, currency=Currency.USD) for _ in range(20)]
    barrier = threading.Barrier(2)
    applied: list[int] = []

    def node() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            barrier.wait(10)
            applied.append(sum(apply_bet(own, event) is not None for event in events))

    nodes = [threading.Thread(target=node) for _ in range(2)]
    for thread in nodes:
        thread.start()
    for thread in nodes:
        thread.join(30)

    assert sum(applied) == 20
    with psycopg.connect(database_url) as own:
        assert volumes(own) == [("player-0001", "2000", 20)]


def test_a_failure_before_the_commit_leaves_nothing(connection: psycopg.Connection[Any], bet: Bet):
    event = bet(1000)
    connection.execute("ALTER TABLE outbox ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    with pytest.raises(psycopg.IntegrityError):
        apply_bet(connection, event)
    assert volumes(connection) == []

    connection.execute("ALTER TABLE outbox DROP CONSTRAINT full_disk")
    assert apply_bet(connection, event) is not None


def test_amounts_of_ten_to_the_24_travel_unharmed(connection: psycopg.Connection[Any], bet: Bet):
    apply_bet(connection, bet(10**24 + 1, currency=Currency.USD))

    assert volumes(connection) == [("player-0001", str(10**24 + 1), 1)]
    (row,) = connection.execute("SELECT value FROM outbox").fetchall()
    assert orjson.loads(row[0])["volume_minor"] == str(10**24 + 1)


def test_a_volume_that_fits_no_column_is_poison(worker: RewardsWorker, bet: Bet, record: Callable[..., Any]):
    huge = [bet(10**38 - 1, currency=Currency.USD) for _ in range(2)]
    worker.handle(record(huge[0].encode()))

    with pytest.raises(InvalidEventError) as refused:
        worker.handle(record(huge[1].encode()))
    assert refused.value.reason is EventReason.INVALID_AMOUNT

    worker.handle(record(bet(100, "player-0002").encode()))


def test_wins_give_no_volume(
    worker: RewardsWorker, connection: psycopg.Connection[Any], bet: Bet, record: Callable[..., Any]
):
    worker.handle(record(bet(1000, kind=Kind.WIN).encode()))

    assert volumes(connection) == []
    assert outbox(connection) == []


def test_the_worker_goes_on_after_its_connection_was_cut(
    worker: RewardsWorker, connection: psycopg.Connection[Any], bet: Bet, record: Callable[..., Any]
):
    worker.handle(record(bet(1000).encode()))
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'concierge-consumer'"
    )
    second = record(bet(1000).encode())

    with pytest.raises(psycopg.OperationalError):
        worker.handle(second)
    worker.handle(second)

    assert volumes(connection) == [("player-0001", "2160", 2)]
