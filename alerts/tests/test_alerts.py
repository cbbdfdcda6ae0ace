"""The generated alert rules: up to date, with an owner, a runbook and a panel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ALERTS = Path(__file__).parents[1]
REPOSITORY = ALERTS.parent
PROVISIONING = REPOSITORY / "config/grafana/provisioning/alerting"
RULES = [
    rule
    for group in yaml.safe_load((PROVISIONING / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
SEVERITIES = {"critical", "warning", "info"}


@pytest.fixture(params=RULES, ids=lambda rule: rule["title"])
def rule(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each generated rule."""
    return request.param


def test_generated_file_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ALERTS / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_uid_is_short_enough_for_grafana_to_start(rule: dict[str, Any]) -> None:
    assert 0 < len(rule["uid"]) <= 40


def test_uids_and_titles_are_unique() -> None:
    for key in ("uid", "title"):
        values = [rule[key] for rule in RULES]
        assert len(values) == len(set(values))


def test_rule_has_a_runbook_in_this_repository(rule: dict[str, Any]) -> None:
    root, page, name = rule["annotations"]["runbook_url"].rsplit("/", 2)
    assert root == "/d"
    text = (ALERTS / "runbooks" / name).read_text()
    assert text.startswith(f"# {rule['title']}\n")
    (shown,) = json.loads((REPOSITORY / f"dashboards/generated/{page}.json").read_text())["panels"]
    assert shown["options"]["content"] == text, "run python dashboards/generate.py"


def test_no_runbook_without_a_rule() -> None:
    assert {path.stem for path in (ALERTS / "runbooks").glob("*.md")} == {rule["title"] for rule in RULES}


def test_rule_has_an_owner(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["labels"]["team"]
    assert rule["labels"]["service"]


def test_title_of_the_notification_has_no_numbers(rule: dict[str, Any]) -> None:
    assert not any(character.isdigit() for character in rule["annotations"]["summary"])


def test_rule_points_at_a_panel_that_exists(rule: dict[str, Any]) -> None:
    uid = rule["annotations"]["__dashboardUid__"]
    dashboard = json.loads((REPOSITORY / f"dashboards/generated/{uid}.json").read_text())
    assert int(rule["annotations"]["__panelId__"]) in {panel["id"] for panel in dashboard["panels"]}


def test_silence_alerts_too(rule: dict[str, Any]) -> None:
    assert rule["noDataState"] == "Alerting"
    assert rule["execErrState"] == "Alerting"


def test_every_receiver_of_the_policies_exists() -> None:
    points = yaml.safe_load((PROVISIONING / "contact-points.yaml").read_text())["contactPoints"]
    policies = yaml.safe_load((PROVISIONING / "policies.yaml").read_text())["policies"]
    routes = list(policies)
    used: set[str] = set()
    while routes:
        route = routes.pop()
        used.add(route.get("receiver", policies[0]["receiver"]))
        routes += route.get("routes", [])
    assert used <= {point["name"] for point in points}
