"""One bet is one trace: what Tempo, Loki and Mimir return about a bet that a connected player placed."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from support import backends, casino
from support.backends import Span
from support.native import NativeStack
from support.wait import until

pytestmark = pytest.mark.stack

EDGES = {
    ("client CLIENT POST", "client INTERNAL place bet"),
    ("vault SERVER POST /wallet/bet", "client CLIENT POST"),
    ("vault PRODUCER send wallet.events", "vault SERVER POST /wallet/bet"),
    ("concierge CONSUMER process wallet.events", "vault PRODUCER send wallet.events"),
    ("concierge PRODUCER send rewards.events", "concierge CONSUMER process wallet.events"),
    ("room-service CONSUMER process wallet.events", "vault PRODUCER send wallet.events"),
    ("room-service PRODUCER emit / balance", "room-service CONSUMER process wallet.events"),
    ("client CONSUMER process / balance", "room-service PRODUCER emit / balance"),
    ("room-service CONSUMER process rewards.events", "concierge PRODUCER send rewards.events"),
    ("room-service PRODUCER emit / level_up", "room-service CONSUMER process rewards.events"),
    ("client CONSUMER process / level_up", "room-service PRODUCER emit / level_up"),
}
"""Child and parent of every step between the click and the number on the screen."""


@pytest.fixture(scope="module")
def bet(stack: NativeStack) -> casino.Bet:
    """One bet of 200 EUR by a player who has never bet: it takes him from bronze to silver."""
    del stack
    return casino.place_bet(player="player-0050", amount_minor="20000", expect=("balance", "level_up"))


@pytest.fixture(scope="module")
def spans(bet: casino.Bet) -> list[Span]:
    """The bet's trace as soon as its last step is queryable."""

    def complete() -> list[Span]:
        found = backends.trace(bet.trace_id)
        missing = {child for child, _ in EDGES} - {span.label for span in found}
        assert not missing, f"not in Tempo yet: {missing}; there are {sorted({span.label for span in found})}"
        return found

    return until(complete, seconds=30, what="the bet's trace in Tempo")


def test_every_step_is_the_child_of_what_caused_it(spans: list[Span]) -> None:
    by_id = {span.span_id: span for span in spans}
    edges = {(span.label, by_id[span.parent_id].label) for span in spans if span.parent_id in by_id}
    assert edges >= EDGES, f"missing: {EDGES - edges}\nthere are: {sorted(edges)}"


def test_the_trace_has_one_root_and_no_orphan(spans: list[Span]) -> None:
    ids = {span.span_id for span in spans}
    assert [span.label for span in spans if not span.parent_id] == ["client INTERNAL place bet"]
    assert [span.label for span in spans if span.parent_id and span.parent_id not in ids] == []


def test_each_step_happened_once(spans: list[Span]) -> None:
    steps = {child for child, _ in EDGES}
    repeated = {
        label: count
        for label, count in Counter(s.label for s in spans).items()
        if count > 1 and label in steps
    }
    assert repeated == {}


def test_message_spans_link_to_the_message_that_they_handle(spans: list[Span]) -> None:
    by_id = {span.span_id: span for span in spans}
    handled = [span for span in spans if span.kind == "CONSUMER" and span.service != "client"]
    assert handled
    assert all((span.trace_id, span.parent_id) in span.links for span in handled)
    assert all(by_id[span.parent_id].kind == "PRODUCER" for span in handled)


def test_the_pushes_carry_the_bet_to_the_player_in_its_trace(bet: casino.Bet) -> None:
    balance = bet.pushes["balance"]
    assert balance["trace_id"] == bet.trace_id
    assert balance["data"]["balance_minor"] == bet.answer["balance_minor"]
    assert balance["data"]["sequence"] == bet.answer["sequence"]
    assert bet.pushes["level_up"]["trace_id"] == bet.trace_id
    assert bet.pushes["level_up"]["data"]["tier"] == "silver"


def test_the_log_lines_of_all_three_services_are_found_by_the_trace_id(bet: casino.Bet) -> None:
    def found() -> dict[str, list[str]]:
        lines: dict[str, list[str]] = {}
        for labels, line in backends.logs(f'{{service_name=~".+"}} | trace_id="{bet.trace_id}"'):
            lines.setdefault(labels["service_name"], []).append(line)
        assert lines.keys() >= casino.SERVICES.keys(), lines.keys()
        return lines

    lines = until(found, seconds=20, what="the bet's log lines in Loki")
    for service in casino.SERVICES:
        records = [json.loads(line) for line in lines[service]]
        assert all(record["trace_id"] == bet.trace_id for record in records)
        assert all(record["span_id"] for record in records)
        assert len(lines[service]) == len(set(lines[service])), "a record reached Loki twice"


def test_the_bet_counter_has_an_exemplar_of_the_trace(bet: casino.Bet) -> None:
    def found() -> bool:
        exemplars = backends.exemplars('casino_wallet_operations_total{operation="bet"}')
        return bet.trace_id in {exemplar["labels"].get("trace_id") for exemplar in exemplars}

    assert until(found, seconds=40, what="an exemplar of the bet's trace in Mimir")


def test_the_bet_is_counted(bet: casino.Bet) -> None:
    del bet
    query = 'sum(casino_wallet_operations_total{operation="bet", outcome="ok"})'
    assert until(lambda: backends.metric(query), seconds=40, what="the bet counter")[0][1] >= 1
