"""What a bet leaves in metrics and in the log: names and values of closed sets, and no player in a metric."""

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from casino import metrics

from .conftest import Player

pytestmark = pytest.mark.server

COUNTERS = (
    "wallet_operations",
    "bet_stake",
    "bet_payout",
    "bet_rejected",
    "wallet_replay",
    "wallet_idempotency_conflict",
    "problems",
)
Points = Callable[[str], dict[frozenset[tuple[str, Any]], float]]


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Points:
    """The counted points of an instrument, by attributes."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test")
    for name in COUNTERS:
        monkeypatch.setattr(metrics, name, meter.create_counter(name))

    def read(instrument: str) -> dict[frozenset[tuple[str, Any]], float]:
        data: Any = reader.get_metrics_data()
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        return {
            frozenset(point.attributes.items()): point.value
            for metric in found
            if metric.name == instrument
            for point in metric.data.data_points
        }

    return read


def attributes(**members: str) -> frozenset[tuple[str, str]]:
    """Attributes of the operations counter that differ from an accepted bet's."""
    accepted = {
        "operation": "bet",
        "outcome": "ok",
        "reason": "none",
        "provider": "casino",
        "currency": "EUR",
    }
    return frozenset((accepted | members).items())


async def test_accepted_bets_and_wins_are_counted_with_their_money(player: Player, points: Points) -> None:
    await player.bet(amount_minor="1000")
    await player.win(amount_minor="2000")
    assert points("wallet_operations") == {attributes(): 1, attributes(operation="win"): 1}
    assert points("bet_stake") == {frozenset({("funds", "cash")}): pytest.approx(10.8)}
    assert points("bet_payout") == {frozenset({("funds", "cash")}): pytest.approx(21.6)}


async def test_refused_bets_are_counted_by_their_reason(player: Player, points: Points) -> None:
    await player.bet(amount_minor="50001")
    await player.bet(currency="XXX")
    await player.bet(amount_minor="-1")
    assert points("wallet_operations") == {
        attributes(outcome="rejected", reason="over_limit"): 1,
        attributes(outcome="rejected", reason="wrong_currency", currency="unknown"): 1,
        attributes(outcome="rejected", reason="invalid_amount"): 1,
    }
    assert points("bet_rejected") == {
        frozenset({("reason", "over_limit")}): 1,
        frozenset({("reason", "wrong_currency")}): 1,
    }
    assert points("bet_stake") == {}


async def test_replays_and_conflicts_are_counted_and_move_no_money(player: Player, points: Points) -> None:
    request = player.movement(amount_minor="1000")
    for _ in range(3):
        await player.bet(**request)
    await player.bet(**request | {"amount_minor": "1001"})
    assert points("wallet_replay") == {frozenset({("operation", "bet"), ("provider", "casino")}): 2}
    assert points("wallet_idempotency_conflict") == {
        frozenset({("operation", "bet"), ("provider", "casino"), ("field", "amount")}): 1
    }
    assert points("wallet_operations")[attributes(outcome="replayed")] == 2
    assert list(points("bet_stake").values()) == [pytest.approx(10.8)]


async def test_no_metric_names_a_player(player: Player, points: Points) -> None:
    await player.bet()
    await player.bet(amount_minor="999999999")
    await player.bet(player_id="player-0050")
    await player.client.get(f"/{player.id}")
    seen = str([points(name) for name in COUNTERS])
    assert "over_limit" in seen
    assert player.id not in seen
    assert "player-0050" not in seen


async def test_an_accepted_bet_is_one_log_line_with_its_money_as_strings(player: Player) -> None:
    with structlog.testing.capture_logs() as lines:
        await player.bet(amount_minor="1000", transaction_id=f"{player.id}-logged")
    [line] = lines
    assert {name: line[name] for name in ("event", "event.name", "outcome", "log_level")} == {
        "event": "bet accepted",
        "event.name": "wallet.bet",
        "outcome": "ok",
        "log_level": "info",
    }
    assert (line["tx.id"], line["round.id"], line["game.id"]) == (f"{player.id}-logged", "round-1", "dice")
    assert (line["currency"], line["exponent"], line["amount_minor"]) == ("EUR", 2, "1000")
    assert (line["balance_minor"], line["player.id"]) == ("999000", player.id)
    assert player.headers["Authorization"].split()[1] not in str(line)


async def test_a_refused_bet_is_one_log_line_with_its_reason(player: Player) -> None:
    with structlog.testing.capture_logs() as lines:
        await player.bet(amount_minor="50001")
    [line] = lines
    assert (line["event.name"], line["outcome"], line["reason"]) == ("wallet.bet", "rejected", "over_limit")
    assert (line["amount_minor"], line["player.id"], line["log_level"]) == ("50001", player.id, "warning")
