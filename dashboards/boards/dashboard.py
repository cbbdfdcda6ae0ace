"""A dashboard: rows of panels, laid out from left to right and from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass

from .panels import Panel
from .targets import Json

GRID_WIDTH = 24
SCHEMA_VERSION = 38
"""What Grafana 10.0 writes; later versions migrate it when they load it."""


def address(title: str, tooltip: str, url: str) -> Json:
    """A link at the top of a dashboard."""
    return {
        "type": "link",
        "title": title,
        "tooltip": tooltip,
        "url": url,
        "icon": "external link",
        "targetBlank": False,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
    }


def tagged(title: str, tag: str) -> Json:
    """A menu of the dashboards that have a tag."""
    return address(title, "", "") | {"type": "dashboards", "asDropdown": True, "tags": [tag]}


@dataclass(frozen=True)
class Dashboard:
    """A dashboard; `rows` are panels side by side, at most 24 units wide together."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    variables: tuple[Json, ...]
    rows: tuple[tuple[Panel, ...], ...]
    links: tuple[Json, ...] = ()

    def json(self) -> Json:
        """The dashboard as Grafana stores it.

        Raises:
            ValueError: a row is too wide or two panels have the same id.
        """
        ids = [panel.id for row in self.rows for panel in row]
        if len(ids) != len(set(ids)):
            raise ValueError(f"{self.uid}: two panels have the same id: {sorted(ids)}")
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": {"from": "now-15m", "to": "now"},
            "refresh": "10s",
            "templating": {"list": list(self.variables)},
            "annotations": {"list": []},
            "links": list(self.links),
            "panels": self._panels(),
        }

    def _panels(self) -> list[Json]:
        panels: list[Json] = []
        y = 0
        for row in self.rows:
            x = 0
            for panel in row:
                panels.append(panel.json(x, y))
                x += panel.width
            if x > GRID_WIDTH:
                raise ValueError(f"{self.uid}: the row of {row[0].title!r} is {x} units wide")
            y += max(panel.height for panel in row)
        return panels
