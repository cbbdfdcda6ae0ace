"""The links between traces, logs and metrics: each data source's own query, run through Grafana."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support import backends, casino
from support.backends import Grafana
from support.native import NativeStack
from support.wait import until

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def grafana(stack: NativeStack) -> Iterator[Grafana]:
    """Grafana's API."""
    grafana = Grafana(stack.secret("GRAFANA_ADMIN_PASSWORD"))
    yield grafana
    grafana.client.close()


@pytest.fixture(scope="module")
def bet(stack: NativeStack) -> casino.Bet:
    """A bet whose trace is complete in Tempo."""
    del stack
    placed = casino.place_bet(player="player-0041", amount_minor="1000")
    until(lambda: len(backends.trace(placed.trace_id)) > 5, seconds=30, what="the trace")
    return placed


def frames_text(result: dict[str, Any]) -> str:
    """Everything that a query returned, as text to search in."""
    assert "error" not in result, result
    return json.dumps(result["frames"])


def test_trace_to_logs(grafana: Grafana, bet: casino.Bet) -> None:
    link = grafana.data_source("tempo")["jsonData"]["tracesToLogsV2"]
    assert link["datasourceUid"] == "loki"
    query = (
        link["query"].replace("${__span.traceId}", bet.trace_id).replace("${__tags}", 'service_name="vault"')
    )
    result = until(
        lambda: (
            (r := grafana.query("loki", "loki", expr=query, queryType="range", maxLines=100))["frames"] and r
        ),
        seconds=20,
        what="log lines of the span",
    )
    assert bet.trace_id in frames_text(result)


def test_log_to_trace(grafana: Grafana, bet: casino.Bet) -> None:
    fields = grafana.data_source("loki")["jsonData"]["derivedFields"]
    derived = next(item for item in fields if item["datasourceUid"] == "tempo")
    _, line = until(
        lambda: backends.logs(f'{{service_name="vault"}} | trace_id="{bet.trace_id}"'),
        seconds=20,
        what="the line",
    )[0]
    trace_id = re.search(derived["matcherRegex"], line)
    assert trace_id
    assert trace_id.group(1) == bet.trace_id
    result = grafana.query("tempo", "tempo", query=trace_id.group(1), queryType="traceId")
    assert "/wallet/bet" in frames_text(result)


def test_trace_to_metrics(grafana: Grafana, bet: casino.Bet) -> None:
    del bet
    link = grafana.data_source("tempo")["jsonData"]["tracesToMetrics"]
    assert link["datasourceUid"] == "mimir"
    for query in link["queries"]:
        expression = (
            query["query"].replace("$__tags", 'service="vault"').replace("${__tags}", 'service="vault"')
        )

        def values(expression: str = expression) -> Any:
            result = grafana.query(
                "mimir", "prometheus", expr=expression, range=True, instant=False, intervalMs=15000
            )
            return result["frames"] and result["frames"][0]["data"]["values"]

        assert until(values, seconds=60, what=query["name"])


def test_exemplar_to_trace(grafana: Grafana, bet: casino.Bet) -> None:
    destinations = grafana.data_source("mimir")["jsonData"]["exemplarTraceIdDestinations"]
    destination = next(item for item in destinations if item["datasourceUid"] == "tempo")

    def exemplar() -> bool:
        result = grafana.query(
            "mimir",
            "prometheus",
            expr='casino_wallet_operations_total{operation="bet", currency="EUR"}',
            exemplar=True,
            range=True,
            interval="1s",  # one exemplar is shown per step: shorter than bets are apart
            intervalMs=1000,
            minutes=3,
        )
        return destination["name"] in json.dumps(result["frames"]) and bet.trace_id in json.dumps(
            result["frames"]
        )

    assert until(exemplar, seconds=60, what="the exemplar through Grafana")
    result = grafana.query("tempo", "tempo", query=bet.trace_id, queryType="traceId")
    assert "/wallet/bet" in frames_text(result)


def test_service_graph(grafana: Grafana, bet: casino.Bet) -> None:
    del bet
    assert grafana.data_source("tempo")["jsonData"]["serviceMap"]["datasourceUid"] == "mimir"

    def edge() -> bool:
        result = grafana.query(
            "mimir",
            "prometheus",
            expr='sum by (client, server) (traces_service_graph_request_total{server="vault"})',
            instant=True,
            range=False,
        )
        return "vault" in json.dumps(result["frames"])

    assert until(edge, seconds=60, what="an edge of the service graph")
