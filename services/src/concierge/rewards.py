"""The effect of one accepted bet on a player's rewards, exactly once however often its event arrives.

What was applied, the new volume and the rewards event stand in one database transaction: either all of them
exist or none. `applied_event` makes a second delivery, also one that runs at the same time on another node,
a duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import psycopg

from casino import outbox
from casino.events import RewardsEvent, RewardsEventType, WalletEvent
from casino.money import REPORTING_CURRENCY
from concierge.standing import Standing

_EVENT_IDS = UUID("5f3a1c52-6f0e-4d0b-9c57-6c1f6d0f6f11")
"""Namespace of the ids of rewards events: a rebuild gives each the id that it had."""

_REMEMBER = "INSERT INTO applied_event (event_id) VALUES (%s) ON CONFLICT DO NOTHING"
_ADD = """
INSERT INTO rewards (player_id, volume_minor, sequence) VALUES (%s, %s, 1)
ON CONFLICT (player_id) DO UPDATE SET
    volume_minor = rewards.volume_minor + excluded.volume_minor,
    sequence = rewards.sequence + 1,
    updated_at = now()
RETURNING volume_minor, sequence
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a bet changed.

    Attributes:
        before: standing before the bet.
        after: standing with it.
        event: what was written to the outbox.
    """

    before: Standing
    after: Standing
    event: RewardsEvent


def apply_bet(connection: psycopg.Connection[Any], bet: WalletEvent) -> Applied | None:
    """Add an accepted bet to its player's rewards and write the rewards event, in one transaction.

    Returns:
        What it changed, or None when this event had been applied before.

    Raises:
        psycopg.DataError: the volume would have more than 38 digits.
        psycopg.Error: nothing was changed.
    """
    with connection.transaction():
        if connection.execute(_REMEMBER, (bet.event_id,)).rowcount == 0:
            return None
        row = connection.execute(_ADD, (bet.player_id, bet.reporting_amount_minor)).fetchone()
        assert row is not None  # noqa: S101 - RETURNING of an upsert always has a row
        after = Standing(int(row[0]))
        before = Standing(after.volume_minor - bet.reporting_amount_minor)
        event = rewards_event(bet, before, after, sequence=int(row[1]))
        outbox.write(connection, event)
    return Applied(before, after, event)


def rewards_event(bet: WalletEvent, before: Standing, after: Standing, sequence: int) -> RewardsEvent:
    """The event that tells about a bet's effect. Its time is the bet's, so that delivery can be measured."""
    return RewardsEvent(
        type=RewardsEventType.PROGRESS if after.tier is before.tier else RewardsEventType.LEVEL_UP,
        event_id=uuid5(_EVENT_IDS, str(bet.event_id)),
        player_id=bet.player_id,
        player_sequence=sequence,
        occurred_at=bet.occurred_at,
        source_event_id=bet.event_id,
        source_type=bet.type,
        volume_minor=after.volume_minor,
        volume_currency=REPORTING_CURRENCY,
        volume_exponent=REPORTING_CURRENCY.exponent,
        vip_points=after.vip_points,
        tier=after.tier,
        previous_tier=before.tier,
        next_tier=after.next_tier,
        volume_to_next_minor=after.volume_to_next_minor,
    )
