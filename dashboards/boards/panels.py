"""Panels as plain JSON that Grafana 10.0 and later load alike. Sizes are in grid units: 24 to a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from .targets import Json, Target


class Unit(StrEnum):
    """Grafana's ids of units."""

    BETS_PER_SECOND = "suffix:bets/s"
    EVENTS_PER_SECOND = "suffix:events/s"
    MESSAGES_PER_SECOND = "suffix:messages/s"
    DOLLARS_PER_SECOND = "suffix:USD/s"
    SECONDS = "s"
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


def fixed(color: str) -> Json:
    """A series' colour that does not depend on which others are there."""
    return {"id": "color", "value": {"mode": "fixed", "fixedColor": color}}


def number(
    id_: int, title: str, description: str, target: Target, *, unit: Unit, limits: Json = HEALTHY
) -> Panel:
    """One big number of now; its course has a panel of its own."""
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
            "min": 0,
            "noValue": "-",
            "color": {"mode": "thresholds"},
            "thresholds": limits,
        },
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "graphMode": "none",
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
    colors: Mapping[str, str] = MappingProxyType({}),
    limits: Json | None = None,
) -> Panel:
    """Values over time, exemplars as dots that lead to their trace.

    Args:
        colors: legend to colour, where a colour has a meaning.
        limits: drawn as dashed lines.
    """
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 30 if stacked else 8,
        "showPoints": "never",
        "spanNulls": 60_000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisSoftMin": 0,
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    return Panel(
        id_,
        title,
        description,
        targets,
        "timeseries",
        width=width,
        height=8,
        defaults={
            "unit": unit.value,
            "color": {"mode": "palette-classic"},
            "custom": custom,
            "thresholds": limits or HEALTHY,
        },
        overrides=tuple(
            {"matcher": {"id": "byName", "options": name}, "properties": [fixed(color)]}
            for name, color in colors.items()
        ),
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
        width=10,
        height=5,
        defaults={
            "noValue": "nobody looks",
            "color": {"mode": "fixed", "fixedColor": "gray"},
            "mappings": [{"type": "value", "options": texts}],
            "custom": {"fillOpacity": 70, "lineWidth": 0},
        },
        options={
            "mergeValues": True,
            "showValue": "never",
            "rowHeight": 0.9,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
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
        width=10,
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


def state(
    id_: int, title: str, description: str, target: Target, states: Mapping[int, tuple[str, str]]
) -> Panel:
    """One word on its colour, `states` being value to word and colour; red when there is no value."""
    mappings = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(states.items())
    }
    return Panel(
        id_,
        title,
        description,
        (target,),
        "stat",
        width=4,
        height=5,
        defaults={
            "noValue": "UNKNOWN",
            "color": {"mode": "thresholds"},
            "thresholds": thresholds((None, "red")),
            "mappings": [{"type": "value", "options": mappings}],
        },
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "graphMode": "none",
            "colorMode": "background",
            "textMode": "value",
            "justifyMode": "center",
            "orientation": "auto",
        },
    )


def markdown(id_: int, title: str, description: str, text: str) -> Panel:
    """A page of text."""
    return Panel(
        id_,
        title,
        description,
        (),
        "text",
        width=24,
        height=26,
        options={"mode": "markdown", "content": text},
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
        defaults={"noValue": "No line in this time."},
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
        defaults={"noValue": "No trace in this time."},
        options={"showHeader": True, "cellHeight": "sm"},
    )
