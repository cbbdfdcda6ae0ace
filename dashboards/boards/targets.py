"""What a panel asks, of which data source. The uids are those of config/grafana/provisioning/datasources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MIMIR: Json = {"type": "prometheus", "uid": "mimir"}
LOKI: Json = {"type": "loki", "uid": "loki"}
TEMPO: Json = {"type": "tempo", "uid": "tempo"}


@dataclass(frozen=True)
class PromQL:
    """A PromQL expression and the legend of its series; `instant` asks for the last value only."""

    expr: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False
    datasource = MIMIR

    def json(self, ref_id: str) -> Json:
        """The target as Grafana stores it."""
        return {
            "refId": ref_id,
            "datasource": self.datasource,
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "instant": self.instant,
            "range": not self.instant,
            "exemplar": self.exemplars,
            "editorMode": "code",
        }


@dataclass(frozen=True)
class LogQL:
    """A LogQL expression that returns lines, at most `limit` of them."""

    expr: str
    limit: int = 100
    datasource = LOKI

    def json(self, ref_id: str) -> Json:
        """The target as Grafana stores it."""
        return {
            "refId": ref_id,
            "datasource": self.datasource,
            "expr": self.expr,
            "queryType": "range",
            "maxLines": self.limit,
            "editorMode": "code",
        }


@dataclass(frozen=True)
class TraceQL:
    """A TraceQL search, at most `limit` traces, newest first."""

    query: str
    limit: int = 20
    datasource = TEMPO

    def json(self, ref_id: str) -> Json:
        """The target as Grafana stores it."""
        return {
            "refId": ref_id,
            "datasource": self.datasource,
            "queryType": "traceql",
            "query": f"{self.query} with (most_recent=true)",  # or any that match, Tempo 2.8
            "limit": self.limit,
            "tableType": "traces",
        }


Target = PromQL | LogQL | TraceQL
