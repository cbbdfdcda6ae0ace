"""Outages under load: 20 s each, ten minutes in `make test-long`. No bet is lost, none counts twice."""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter

import httpx
import pytest
from support import casino
from support.native import NativeStack
from support.wait import until

pytestmark = [pytest.mark.stack, pytest.mark.waits("an outage to end")]

OUTAGE_SECONDS = 600 if os.environ.get("PITBOSS_LONG") else 20
RECOVERY_SECONDS = 120
STAKE_MINOR = 100
STAKE_USD_MINOR = 108
"""1.00 EUR at the fixed reporting rate."""


def place(player: str, authorization: dict[str, str], transaction_id: str) -> int:
    """Place one bet of 1.00 EUR; the HTTP status."""
    return httpx.post(
        f"{casino.VAULT}/wallet/bet",
        headers=authorization,
        json={
            "player_id": player,
            "transaction_id": transaction_id,
            "round_id": "r",
            "game_id": "dice",
            "currency": "EUR",
            "amount_minor": str(STAKE_MINOR),
        },
        timeout=15,
    ).status_code


def bet_through_an_outage(stack: NativeStack, server: str, player: str) -> dict[str, int]:
    """Stop a server, bet once a second until the outage is over, start it; the status by transaction id."""
    authorization = casino.session(player)
    statuses: dict[str, int] = {}
    stack.run("stop", server)
    try:
        ends = time.monotonic() + OUTAGE_SECONDS

        def bet() -> bool:
            transaction_id = str(uuid.uuid4())
            statuses[transaction_id] = place(player, authorization, transaction_id)
            return time.monotonic() > ends

        until(bet, seconds=OUTAGE_SECONDS + 30, every=1.0)
    finally:
        stack.run("start", server)
    return statuses


def volume_minor(player: str) -> int:
    """The wagering volume that Concierge has counted, in US cents."""
    answer = httpx.get(
        f"{casino.CONCIERGE}/players/{player}/rewards", headers=casino.session(player), timeout=15
    )
    return int(answer.raise_for_status().json()["volume_minor"])


def wait_until_it_adds_up(player: str, accepted: int, *, balance_before: int, volume_before: int) -> None:
    """Wait until balance and rewards say exactly what the accepted bets make of them."""
    assert casino.balance(player, "EUR") == balance_before - accepted * STAKE_MINOR
    expected = volume_before + accepted * STAKE_USD_MINOR
    assert until(
        lambda: volume_minor(player) >= expected, seconds=RECOVERY_SECONDS, what=f"a volume of {expected}"
    )
    assert volume_minor(player) == expected


@pytest.mark.timeout(OUTAGE_SECONDS + 300)
@pytest.mark.parametrize(("server", "player"), [("kafka", "player-0036"), ("collector", "player-0035")])
def test_bets_go_on_without(stack: NativeStack, server: str, player: str) -> None:
    """Kafka is behind the outbox, telemetry is behind queues: no bet waits for either."""
    balance, volume = casino.balance(player, "EUR"), volume_minor(player)
    statuses = bet_through_an_outage(stack, server, player)
    assert Counter(statuses.values()) == {httpx.codes.OK: len(statuses)}
    wait_until_it_adds_up(player, len(statuses), balance_before=balance, volume_before=volume)


@pytest.mark.timeout(OUTAGE_SECONDS + 300)
def test_bets_are_refused_without_the_database_and_can_be_repeated(stack: NativeStack) -> None:
    player = "player-0034"
    balance, volume = casino.balance(player, "EUR"), volume_minor(player)
    statuses = bet_through_an_outage(stack, "postgres", player)
    assert set(statuses.values()) <= {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.OK}
    assert httpx.codes.SERVICE_UNAVAILABLE in statuses.values()

    def serves() -> bool:
        return httpx.get(f"{casino.VAULT}/health", timeout=5).status_code == httpx.codes.OK

    until(serves, seconds=RECOVERY_SECONDS, what="Vault healthy again")
    authorization = casino.session(player)
    assert {place(player, authorization, transaction_id) for transaction_id in statuses} == {httpx.codes.OK}
    wait_until_it_adds_up(player, len(statuses), balance_before=balance, volume_before=volume)
