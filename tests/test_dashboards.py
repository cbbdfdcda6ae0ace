"""Every query of every generated dashboard, asked through Grafana while players play."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.backends import Grafana
from support.native import NativeStack
from support.wait import until

pytestmark = pytest.mark.stack

GENERATED = Path(__file__).parents[1] / "dashboards/generated"
VARIABLES = {"$environment": ".*", "$__rate_interval": "1m"}
EMPTY_WHEN_ALL_IS_WELL = {"Rejections by reason", "Recent failures", "Recent errors"}
SECONDS_OF_PLAY = 90
"""Within this time players have bet, won, climbed a tier and chatted."""
TYPES = {"mimir": "prometheus", "loki": "loki", "tempo": "tempo"}
NOT_FOR_THE_BACKEND = {"refId", "datasource", "legendFormat", "exemplar", "editorMode"}


QUERIES = [
    pytest.param(panel["title"], target, id=f"{path.stem}-{panel['title']}-{target['refId']}")
    for path in sorted(GENERATED.glob("*.json"))
    for panel in json.loads(path.read_text())["panels"]
    for target in panel["targets"]
]


def filled(text: str) -> str:
    """A query with a value for each variable, as Grafana's pages do it."""
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    assert "$" not in text, f"this test knows no value for a variable in {text}"
    return text


@pytest.fixture(scope="module")
def grafana(stack: NativeStack) -> Iterator[Grafana]:
    """Grafana while players play."""
    grafana = Grafana(stack.secret("GRAFANA_ADMIN_PASSWORD"))
    stack.resume_players()
    yield grafana
    stack.pause_players()
    grafana.client.close()


def rows(result: dict[str, Any]) -> int:
    """How many values all frames of a result have."""
    assert "error" not in result, result["error"]
    return sum(len(frame["data"]["values"][0]) for frame in result["frames"] if frame["data"]["values"])


@pytest.mark.parametrize(("title", "target"), QUERIES)
def test_a_panels_query_returns_data(grafana: Grafana, title: str, target: dict[str, Any]) -> None:
    uid = target["datasource"]["uid"]
    model = {key: value for key, value in target.items() if key not in NOT_FOR_THE_BACKEND}
    for key in model.keys() & {"expr", "query"}:
        model[key] = filled(model[key])
    if uid == "tempo":  # Grafana's page sends a search to Tempo itself
        search = {"q": model["query"], "limit": model["limit"]}

        def found() -> int:
            answer = grafana.client.get("/api/datasources/proxy/uid/tempo/api/search", params=search)
            return len(answer.raise_for_status().json()["traces"])

        ask = found
    else:

        def returned() -> int:
            return rows(
                grafana.query(uid, TYPES[uid], minutes=5, intervalMs=5000, maxDataPoints=200, **model)
            )

        ask = returned

    if title in EMPTY_WHEN_ALL_IS_WELL:
        ask()
    else:
        assert until(ask, seconds=SECONDS_OF_PLAY, what=f"data of {title}")


def test_the_casino_is_said_to_be_open(grafana: Grafana) -> None:
    target: Any = next(parameter.values[1] for parameter in QUERIES if parameter.values[0] == "Casino")

    def is_open() -> bool:
        result = grafana.query("mimir", "prometheus", expr=filled(target["expr"]), instant=True, range=False)
        return [frame["data"]["values"][1] for frame in result["frames"]] == [[2]]

    assert until(is_open, seconds=SECONDS_OF_PLAY, what="the state of the casino")
