"""The generated dashboards: up to date, valid, and asking for metrics that the services have."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DASHBOARDS = Path(__file__).parents[1]
GENERATED = sorted((DASHBOARDS / "generated").glob("*.json"))
PROVISIONED_DATA_SOURCES = {"mimir", "loki", "tempo"}
INSTRUMENTS = DASHBOARDS.parent / "services/src/casino/metrics.py"
SUFFIXES = re.compile(r"(_bucket|_total|_seconds)+$")


@pytest.fixture(params=GENERATED, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each generated dashboard."""
    return json.loads(request.param.read_text())


def test_generated_files_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(DASHBOARDS / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_uid_is_the_file_name(dashboard: dict[str, Any]) -> None:
    assert f"{dashboard['uid']}.json" in {path.name for path in GENERATED}
    assert len(dashboard["uid"]) <= 40


def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_panel_says_what_it_shows(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        assert panel["title"], panel["id"]
        assert panel["description"], panel["title"]


def test_data_sources_are_the_provisioned_ones(dashboard: dict[str, Any]) -> None:
    uids = {target["datasource"]["uid"] for panel in dashboard["panels"] for target in panel["targets"]}
    assert uids <= PROVISIONED_DATA_SOURCES


def test_metrics_are_declared_by_the_services(dashboard: dict[str, Any]) -> None:
    declared = {
        name.replace(".", "_") for name in re.findall(r'"(casino\.[a-z_.]+)"', INSTRUMENTS.read_text())
    }
    asked = {
        SUFFIXES.sub("", name)
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bcasino_[a-z_]+", target.get("expr", ""))
    }
    assert asked or not any(panel["targets"] for panel in dashboard["panels"])
    assert asked <= declared
