"""Panels as plain JSON that Grafana 10.0 and later load alike. Sizes are in grid units: 24 to a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .targets import Json, Target


class Unit(StrEnum):
    """Grafana's ids of units."""

    PER_SECOND = "ops"
    SECONDS = "s"
    DOLLARS_PER_SECOND = "currencyUSD"
    COUNT = "short"


@dataclass(frozen=True)
class Panel:
    """One panel; `id` stays for ever, links and alert rules point at it."""

    id: int
    title: str
    description: str
    targets: tuple[Target, ...]
    kind: str
    width: int
    height: int
    defaults: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    overrides: tuple[Json, ...] = ()

    def json(self, x: int, y: int) -> Json:
        """The panel as Grafana stores it, its left upper corner at `x`, `y`."""
        return {
            "id": self.id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": self.targets[0].datasource if self.targets else None,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [target.json(chr(ord("A") + i)) for i, target in enumerate(self.targets)],
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "options": self.options,
        }


def thresholds(*steps: tuple[float | None, str]) -> Json:
    """Colours from a value on; the first step starts at None."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


HEALTHY = thresholds((None, "green"))


def number(
    id_: int, title: str, description: str, target: Target, *, unit: Unit, limits: Json = HEALTHY
) -> Panel:
    """One big number with its recent course behind it."""
    return Panel(
        id_,
        title,
        description,
        (target,),
        "stat",
        width=4,
        height=4,
        defaults={
            "unit": unit.value,
            "decimals": 2,
            "noValue": "-",
            "color": {"mode": "thresholds"},
            "thresholds": limits,
        },
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "graphMode": "area",
            "colorMode": "value",
            "textMode": "value",
            "justifyMode": "auto",
            "orientation": "auto",
        },
    )


def course(
    id_: int,
    title: str,
    description: str,
    *targets: Target,
    unit: Unit,
    stacked: bool = False,
    width: int = 12,
) -> Panel:
    """Values over time, exemplars as dots that lead to their trace."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 30 if stacked else 8,
        "showPoints": "never",
        "spanNulls": 60_000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisSoftMin": 0,
    }
    return Panel(
        id_,
        title,
        description,
        targets,
        "timeseries",
        width=width,
        height=8,
        defaults={"unit": unit.value, "color": {"mode": "palette-classic"}, "custom": custom},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def up_or_down(id_: int, title: str, description: str, target: Target) -> Panel:
    """A band per series, green at 1 and red at 0."""
    texts = {
        "0": {"text": "down", "color": "red", "index": 0},
        "1": {"text": "up", "color": "green", "index": 1},
    }
    return Panel(
        id_,
        title,
        description,
        (target,),
        "state-timeline",
        width=12,
        height=5,
        defaults={
            "color": {"mode": "fixed", "fixedColor": "gray"},
            "mappings": [{"type": "value", "options": texts}],
            "custom": {"fillOpacity": 70, "lineWidth": 0},
        },
        options={
            "mergeValues": True,
            "showValue": "auto",
            "rowHeight": 0.9,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def alerts(id_: int, title: str, description: str) -> Panel:
    """Alert rules that are pending or firing."""
    return Panel(
        id_,
        title,
        description,
        (),
        "alertlist",
        width=12,
        height=5,
        options={
            "viewMode": "list",
            "groupMode": "default",
            "groupBy": [],
            "maxItems": 20,
            "sortOrder": 1,
            "dashboardAlerts": False,
            "alertName": "",
            "alertInstanceLabelFilter": "",
            "stateFilter": {"firing": True, "pending": True, "noData": True, "normal": False, "error": True},
        },
    )


def log_lines(id_: int, title: str, description: str, target: Target) -> Panel:
    """Log lines, newest first, each with its link to the trace."""
    return Panel(
        id_,
        title,
        description,
        (target,),
        "logs",
        width=24,
        height=9,
        options={
            "showTime": True,
            "showLabels": False,
            "showCommonLabels": False,
            "wrapLogMessage": True,
            "prettifyLogMessage": False,
            "enableLogDetails": True,
            "dedupStrategy": "none",
            "sortOrder": "Descending",
        },
    )


def trace_list(id_: int, title: str, description: str, target: Target) -> Panel:
    """Traces of a search; a click on an id opens the trace."""
    return Panel(
        id_,
        title,
        description,
        (target,),
        "table",
        width=12,
        height=9,
        options={"showHeader": True, "cellHeight": "sm"},
    )
