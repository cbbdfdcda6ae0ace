"""The demo finds this run's bet, not one that the volume kept from an earlier run."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import httpx

from stack.demo import _recent_bets, explore_link

STARTED = 1_000_000.0


def test_only_bets_since_the_start_count_and_the_newest_comes_first() -> None:
    times = {"a": STARTED - 1, "b": STARTED + 1, "c": STARTED + 2}
    found = [{"traceID": name, "startTimeUnixNano": str(int(at * 1e9))} for name, at in times.items()]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"traces": found}))

    with httpx.Client(transport=transport, base_url="http://tempo") as client:
        bets = _recent_bets(client, STARTED)

    assert bets == ["c".zfill(32), "b".zfill(32)]


def test_a_backend_that_is_not_ready_has_no_bets() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(503, text="starting"))

    with httpx.Client(transport=transport, base_url="http://tempo") as client:
        assert _recent_bets(client, STARTED) == []


def test_the_link_asks_explore_for_the_trace() -> None:
    link = urlsplit(explore_link("http://127.0.0.1:3000", "ab" * 16))

    pane = json.loads(parse_qs(link.query)["left"][0])
    assert pane["queries"][0]["query"] == "ab" * 16
    assert pane["queries"][0]["datasource"]["uid"] == pane["datasource"] == "tempo"
