"""What is refused before the database is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from casino.events import EventReason, InvalidEventError, WalletEvent
from concierge.worker import RewardsWorker

Bet = Callable[..., WalletEvent]
Record = Callable[[bytes | None], Any]


@pytest.fixture
def worker() -> RewardsWorker:
    """A worker that has no database: whoever reaches for it fails."""
    return RewardsWorker("postgresql://nobody@127.0.0.1:1/nothing", published=lambda: None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, EventReason.EMPTY),
        (b"", EventReason.EMPTY),
        (b"\xff\xfe\x00", EventReason.NOT_JSON),
        (b"{", EventReason.NOT_JSON),
        (b"[]", EventReason.NOT_AN_OBJECT),
        (b'{"schema_version":2,"type":"bet"}', EventReason.UNKNOWN_VERSION),
        (b'{"schema_version":1,"type":"jackpot"}', EventReason.UNKNOWN_TYPE),
        (b'{"schema_version":1,"type":"bet"}', EventReason.MISSING_FIELD),
        (b"[" * 70_000, EventReason.TOO_LARGE),
    ],
)
def test_poison_is_named(worker: RewardsWorker, record: Record, value: bytes | None, reason: EventReason):
    with pytest.raises(InvalidEventError) as refused:
        worker.handle(record(value))

    assert refused.value.reason is reason


@pytest.mark.parametrize("amount", ["-1", "1.5", "1e3", 1000, None, "9" * 39])
def test_an_amount_that_is_none_is_poison(worker: RewardsWorker, record: Record, bet: Bet, amount: object):
    payload = orjson.loads(bet(1000).encode()) | {"reporting_amount_minor": amount}

    with pytest.raises(InvalidEventError) as refused:
        worker.handle(record(orjson.dumps(payload)))
    assert refused.value.reason is EventReason.INVALID_AMOUNT


def test_a_volume_in_another_currency_than_the_reporting_one_is_poison(
    worker: RewardsWorker, record: Record, bet: Bet
):
    payload = orjson.loads(bet(1000).encode()) | {"reporting_currency": "EUR"}

    with pytest.raises(InvalidEventError) as refused:
        worker.handle(record(orjson.dumps(payload)))
    assert refused.value.fields == ("reporting_currency",)
