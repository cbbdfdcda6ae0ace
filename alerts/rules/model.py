"""What an alert rule is, and how Grafana's file provisioning spells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Json = dict[str, Any]

UID_LIMIT = 40
"""Grafana does not start when a rule's uid is longer (grafana/grafana issue 62904)."""
EVALUATED_EVERY = "10s"
RUNBOOKS = "/d/runbook-{uid}/{name}.md"
"""The runbook's page in Grafana: dashboards/ makes one of each file in alerts/runbooks. Without an address,
because provisioning replaces no variable in annotations; a notification's generatorURL leads to it."""


class Severity(StrEnum):
    """critical: wakes somebody; warning: office hours; info: nobody."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Team(StrEnum):
    """Who owns the alert."""

    SRE = "sre"


@dataclass(frozen=True)
class PanelLink:
    """The panel that shows what the rule watches."""

    dashboard_uid: str
    panel_id: int


@dataclass(frozen=True)
class Threshold:
    """When the value of the expression is a problem: `lt` below `value`, `gt` above it."""

    direction: Literal["lt", "gt"]
    value: float


@dataclass(frozen=True)
class Rule:
    """One Grafana-managed rule.

    Args:
        name: CamelCase, symptom first; also the name of its runbook.
        expr: PromQL that returns a value per thing watched, healthy or not: no data is a fault of its own
            and alerts too, so the comparison is in `problem` and not in the expression.
        pending: how long the problem must last, as Grafana spells durations.
        summary: one sentence without numbers; the title of the notification.
    """

    name: str
    expr: str
    problem: Threshold
    pending: str
    severity: Severity
    team: Team
    service: str
    summary: str
    description: str
    panel: PanelLink

    @property
    def uid(self) -> str:
        """Stable id, at most UID_LIMIT characters.

        Raises:
            ValueError: the name is too long.
        """
        words = "".join(f"-{c.lower()}" if c.isupper() else c for c in self.name).strip("-")
        if len(words) > UID_LIMIT:
            raise ValueError(f"{self.name}: uid {words} is longer than {UID_LIMIT} characters")
        return words

    def json(self) -> Json:
        """The rule as file provisioning spells it (not as the HTTP API does)."""
        return {
            "uid": self.uid,
            "title": self.name,
            "condition": "problem",
            "data": [self._query(), self._condition()],
            "noDataState": "Alerting",
            "execErrState": "Alerting",
            "for": self.pending,
            "dashboardUid": self.panel.dashboard_uid,
            "panelId": self.panel.panel_id,
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": RUNBOOKS.format(uid=self.uid, name=self.name),
                "__dashboardUid__": self.panel.dashboard_uid,
                "__panelId__": str(self.panel.panel_id),
            },
            "labels": {
                "severity": self.severity.value,
                "team": self.team.value,
                "service": self.service,
            },
            "isPaused": False,
        }

    def _query(self) -> Json:
        return {
            "refId": "value",
            "datasourceUid": "mimir",
            "relativeTimeRange": {"from": 300, "to": 0},
            "model": {
                "refId": "value",
                "datasource": {"type": "prometheus", "uid": "mimir"},
                "expr": self.expr,
                "instant": True,
                "range": False,
                "editorMode": "code",
                "intervalMs": 1000,
                "maxDataPoints": 43200,
            },
        }

    def _condition(self) -> Json:
        evaluator = {"type": self.problem.direction, "params": [self.problem.value]}
        return {
            "refId": "problem",
            "datasourceUid": "__expr__",
            "relativeTimeRange": {"from": 0, "to": 0},
            "model": {
                "refId": "problem",
                "datasource": {"type": "__expr__", "uid": "__expr__"},
                "type": "threshold",
                "expression": "value",
                "conditions": [{"type": "query", "evaluator": evaluator}],
            },
        }


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, in a folder of Grafana."""

    name: str
    folder: str
    rules: tuple[Rule, ...]

    def json(self) -> Json:
        """The group as file provisioning spells it."""
        return {
            "orgId": 1,
            "name": self.name,
            "folder": self.folder,
            "interval": EVALUATED_EVERY,
            "rules": [rule.json() for rule in self.rules],
        }
