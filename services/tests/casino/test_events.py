"""Events: bytes that are one survive, bytes that are none are refused with a reason from the closed set."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casino.events import EventReason, InvalidEventError, RewardsEvent, WalletEvent
from casino.money import MAX_MINOR

WALLET: dict[str, Any] = {
    "schema_version": 1,
    "type": "bet",
    "event_id": "5f9c1a52-3c1b-4f55-9f4c-0d6d2f1f2b11",
    "player_id": "player-0001",
    "player_sequence": 7,
    "transaction_id": "t-1",
    "round_id": "r-1",
    "game_id": "dice",
    "currency": "EUR",
    "exponent": 2,
    "amount_minor": "1000",
    "balance_minor": "99000",
    "reporting_currency": "USD",
    "reporting_amount_minor": "1080",
    "reporting_exponent": 2,
    "reporting_rate": "1.08",
    "occurred_at": "2026-11-23T18:00:00.123456Z",
}
REWARDS: dict[str, Any] = {
    "schema_version": 1,
    "type": "level_up",
    "event_id": "5f9c1a52-3c1b-4f55-9f4c-0d6d2f1f2b12",
    "player_id": "player-0001",
    "player_sequence": 3,
    "source_event_id": "5f9c1a52-3c1b-4f55-9f4c-0d6d2f1f2b11",
    "source_type": "bet",
    "volume_minor": "10080",
    "volume_currency": "USD",
    "volume_exponent": 2,
    "vip_points": "100",
    "tier": "silver",
    "previous_tier": "bronze",
    "next_tier": "gold",
    "volume_to_next_minor": "89920",
    "occurred_at": "2026-11-23T18:00:00.123456Z",
}


def refusal(message: bytes | None) -> EventReason:
    """The reason for which a wallet event is refused."""
    with pytest.raises(InvalidEventError) as refused:
        WalletEvent.decode(message)
    return refused.value.reason


def changed(**members: Any) -> bytes:
    """The good wallet event with other members; None takes one away."""
    return orjson.dumps({name: value for name, value in (WALLET | members).items() if value is not None})


@pytest.mark.parametrize(("kind", "payload"), [(WalletEvent, WALLET), (RewardsEvent, REWARDS)])
def test_an_event_survives_its_way_over_kafka_unchanged(kind: Any, payload: dict[str, Any]) -> None:
    assert orjson.loads(kind.decode(orjson.dumps(payload)).encode()) == payload


def test_the_last_tier_has_no_next_one() -> None:
    assert RewardsEvent.decode(orjson.dumps(REWARDS | {"next_tier": None})).next_tier is None


def test_values_inside_are_typed_and_exact() -> None:
    event = WalletEvent.decode(changed(amount_minor=str(MAX_MINOR)))
    assert event.amount_minor == MAX_MINOR
    assert event.event_id == UUID(WALLET["event_id"])
    assert event.reporting_rate == Decimal("1.08")
    assert event.occurred_at == datetime(2026, 11, 23, 18, 0, 0, 123456, UTC)
    assert event.key == b"player-0001"


def test_times_leave_as_utc_with_microseconds() -> None:
    tokyo = timezone(timedelta(hours=9))
    event = WalletEvent.decode(changed()).model_copy(
        update={"occurred_at": datetime(2026, 1, 1, 3, tzinfo=tokyo)}
    )
    assert orjson.loads(event.encode())["occurred_at"] == "2025-12-31T18:00:00.000000Z"


def test_members_of_a_later_producer_are_ignored() -> None:
    assert WalletEvent.decode(changed(added_later={"a": 1})) == WalletEvent.decode(changed())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (None, EventReason.EMPTY),
        (b"", EventReason.EMPTY),
        (b"not json", EventReason.NOT_JSON),
        (b"\xff\xfe", EventReason.NOT_JSON),
        (b'{"schema_version": NaN}', EventReason.NOT_JSON),
        (b"[" * 60_000, EventReason.NOT_JSON),
        (b"[]", EventReason.NOT_AN_OBJECT),
        (b"1", EventReason.NOT_AN_OBJECT),
        (b" " * 70_000 + b"{}", EventReason.TOO_LARGE),
        (b"{}", EventReason.UNKNOWN_VERSION),
        (changed(schema_version=2), EventReason.UNKNOWN_VERSION),
        (changed(schema_version="1"), EventReason.UNKNOWN_VERSION),
        (changed(schema_version=True), EventReason.UNKNOWN_VERSION),
        (changed(type="refund"), EventReason.UNKNOWN_TYPE),
        (changed(type=["bet"]), EventReason.UNKNOWN_TYPE),
        (orjson.dumps(REWARDS), EventReason.UNKNOWN_TYPE),
        (changed(player_id=None), EventReason.MISSING_FIELD),
        (changed(amount_minor=None), EventReason.MISSING_FIELD),
        (changed(amount_minor="-1"), EventReason.INVALID_AMOUNT),
        (changed(amount_minor="1.5"), EventReason.INVALID_AMOUNT),
        (changed(amount_minor=1000), EventReason.INVALID_AMOUNT),
        (changed(balance_minor="1" * 39), EventReason.INVALID_AMOUNT),
        (changed(player_id=""), EventReason.INVALID_FIELD),
        (changed(player_id="a\u0000b"), EventReason.INVALID_FIELD),
        (changed(player_id="a b"), EventReason.INVALID_FIELD),
        (changed(player_id="p" * 129), EventReason.INVALID_FIELD),
        (changed(player_id=5), EventReason.INVALID_FIELD),
        (changed(player_sequence=0), EventReason.INVALID_FIELD),
        (changed(player_sequence="1"), EventReason.INVALID_FIELD),
        (changed(player_sequence=True), EventReason.INVALID_FIELD),
        (changed(player_sequence=2**63), EventReason.INVALID_FIELD),
        (changed(event_id="no"), EventReason.INVALID_FIELD),
        (changed(currency="XXX"), EventReason.INVALID_FIELD),
        (changed(exponent=3), EventReason.INVALID_FIELD),
        (changed(reporting_exponent=0), EventReason.INVALID_FIELD),
        (changed(reporting_rate=1.08), EventReason.INVALID_FIELD),
        (changed(reporting_rate="-1"), EventReason.INVALID_FIELD),
        (changed(occurred_at="2026-11-23T18:00:00"), EventReason.INVALID_FIELD),
        (changed(occurred_at=1763900000), EventReason.INVALID_FIELD),
        (changed(occurred_at="2026-13-40T18:00:00Z"), EventReason.INVALID_FIELD),
        (changed(occurred_at="0001-01-01T00:00:00+23:59"), EventReason.INVALID_FIELD),
    ],
)
def test_poison_is_refused_with_its_reason(message: bytes | None, reason: EventReason) -> None:
    assert refusal(message) is reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(WALLET)), json_values)
def test_no_value_in_any_member_raises_anything_else(name: str, value: Any) -> None:
    message = orjson.dumps(WALLET | {name: value}, default=str)
    try:
        event = WalletEvent.decode(message)
    except InvalidEventError:
        return
    assert WalletEvent.decode(event.encode()) == event


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(message: bytes) -> None:
    with pytest.raises(InvalidEventError):
        WalletEvent.decode(message)
