"""Players decide believably and never show an older balance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.players.screen import Screen
from simulators.players.temper import STAKES, Temper
from simulators.players.wallet import RefusedError, UnavailableError, Wallet

Seeded = Callable[[object], random.Random]

RICH = {"EUR": 1_000_000, "JPY": 1_500_000, "ETH": 5 * 10**18}


def push(sequence: int, balance: int, currency: str = "EUR") -> dict[str, object]:
    return {"currency": currency, "balance_minor": str(balance), "sequence": sequence}


def test_an_older_push_is_ignored():
    screen = Screen()

    assert screen.show_push(push(2, 900))
    assert not screen.show_push(push(1, 1000))
    assert screen.balances == {"EUR": 900}
    assert screen.stale == 1
    assert screen.show_push(push(2, 900))
    assert screen.balances == {"EUR": 900}


def test_a_push_for_one_currency_is_not_made_stale_by_another():
    screen = Screen()
    screen.show_push(push(6, 500, "JPY"))

    assert screen.show_push(push(5, 900, "EUR"))
    assert screen.balances == {"EUR": 900, "JPY": 500}


def test_a_balance_that_was_asked_for_does_not_hide_a_push_that_overtook_it():
    screen = Screen()
    screen.show_push(push(3, 700))
    screen.show("EUR", 1000, 0)

    assert screen.balances == {"EUR": 700}


@given(st.permutations(range(1, 9)))
def test_in_any_order_the_newest_is_shown_at_the_end(order: list[int]):
    screen = Screen()
    for sequence in order:
        screen.show_push(push(sequence, 100 * sequence))

    assert screen.balances == {"EUR": 800}


@pytest.mark.parametrize("data", [None, "x", {}, {"currency": "EUR", "balance_minor": "1.5", "sequence": 1}])
def test_what_is_no_push_is_refused(data: object):
    with pytest.raises(ValueError, match="not a balance push"):
        Screen().show_push(data)


def test_the_same_seed_gives_the_same_decisions(seeded: Seeded):
    first, second = (Temper(seeded("1:7")) for _ in range(2))

    assert [first.decide(RICH) for _ in range(50)] == [second.decide(RICH) for _ in range(50)]


def test_most_bets_are_within_balance_and_limit_and_some_are_not(seeded: Seeded):
    decisions = [Temper(seeded(seed)).decide(RICH) for seed in range(2000)]
    placed = [decision for decision in decisions if decision is not None]

    over_limit = sum(decision.stake_minor > STAKES[decision.currency][1] for decision in placed)
    over_balance = sum(decision.stake_minor > RICH[decision.currency] for decision in placed)
    assert 0 < over_balance <= over_limit < 0.05 * len(placed)
    assert len(Counter(decision.currency for decision in placed)) == 3
    assert len({decision.stake_minor for decision in placed}) > 100


def test_the_poor_play_smaller_and_the_broke_stop(seeded: Seeded):
    temper = Temper(seeded(3))
    poor = [temper.decide({"EUR": 60}) for _ in range(200)]

    stakes = sorted(decision.stake_minor for decision in poor if decision is not None)
    assert stakes[len(stakes) // 2] <= 60
    assert temper.decide({"EUR": 49, "JPY": 0}) is None
    assert temper.decide({}) is None


async def test_a_time_out_is_tried_again_with_the_same_transaction():
    seen: list[bytes] = []

    async def vault(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        if len(seen) == 1:
            raise httpx.ReadTimeout("lost", request=request)
        body = {"transaction_id": "t", "currency": "EUR", "balance_minor": "900", "sequence": 4}
        return httpx.Response(200, json=body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(vault), base_url="http://vault") as http:
        receipt = await Wallet(http, "player-0001").move("bet", transaction_id="t", amount_minor="100")

    assert (receipt.balance_minor, receipt.sequence) == (900, 4)
    assert seen[0] == seen[1]


async def test_a_problem_is_a_typed_refusal_and_silence_an_outage(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("simulators.players.wallet.ATTEMPTS", 1)
    answers = [httpx.Response(402, json={"code": "insufficient_funds"}), httpx.Response(503)]

    async def vault(_: httpx.Request) -> httpx.Response:
        return answers.pop(0)

    async with httpx.AsyncClient(transport=httpx.MockTransport(vault), base_url="http://vault") as http:
        wallet = Wallet(http, "player-0001")
        with pytest.raises(RefusedError, match="insufficient_funds"):
            await wallet.move("bet", transaction_id="t")
        with pytest.raises(UnavailableError):
            await wallet.move("bet", transaction_id="t")
