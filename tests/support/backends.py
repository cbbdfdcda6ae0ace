"""What Tempo, Loki, Mimir and Grafana return, as small types."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

TENANT = {"X-Scope-OrgID": "casino"}
TEMPO = "http://127.0.0.1:3200"
LOKI = "http://127.0.0.1:3100"
MIMIR = "http://127.0.0.1:9009/prometheus"
GRAFANA = "http://127.0.0.1:3000"


@dataclass(frozen=True)
class Span:
    """One span as Tempo stores it; ids are lowercase hex, `parent_id` is empty for a root."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    attributes: dict[str, Any] = field(compare=False)
    links: tuple[tuple[str, str], ...] = ()
    status: str = ""

    @property
    def label(self) -> str:
        """`service kind name`, for edges that read like the requirement."""
        return f"{self.service} {self.kind} {self.name}"


def _hex(value: str, digits: int) -> str:
    return value if re.fullmatch(f"[0-9a-f]{{{digits}}}", value) else base64.b64decode(value).hex()


def _attributes(pairs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in pairs}


def trace(trace_id: str) -> list[Span]:
    """All spans of a trace, [] while Tempo doesn't know it."""
    answer = httpx.get(f"{TEMPO}/api/traces/{trace_id}", headers=TENANT, timeout=10)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return []
    answer.raise_for_status()
    spans: list[Span] = []
    for batch in answer.json()["batches"]:
        resource = _attributes(batch["resource"]["attributes"])
        for scope in batch["scopeSpans"]:
            spans += [
                Span(
                    trace_id=_hex(span["traceId"], 32),
                    span_id=_hex(span["spanId"], 16),
                    parent_id=_hex(span.get("parentSpanId", ""), 16) if span.get("parentSpanId") else "",
                    name=span["name"],
                    kind=str(span.get("kind", "")).removeprefix("SPAN_KIND_"),
                    service=resource["service.name"],
                    attributes=_attributes(span.get("attributes", [])),
                    links=tuple(
                        (_hex(link["traceId"], 32), _hex(link["spanId"], 16))
                        for link in span.get("links", [])
                    ),
                    status=str(span.get("status", {}).get("code", "")),
                )
                for span in scope["spans"]
            ]
    return spans


def logs(query: str, *, minutes: float = 30, limit: int = 1000) -> list[tuple[dict[str, str], str]]:
    """Log lines of a LogQL query, newest first: (labels with structured metadata, line)."""
    now = time.time_ns()
    answer = httpx.get(
        f"{LOKI}/loki/api/v1/query_range",
        params={"query": query, "start": now - int(minutes * 60e9), "end": now, "limit": limit},
        headers=TENANT,
        timeout=10,
    )
    answer.raise_for_status()
    return [
        (stream["stream"], value[1])
        for stream in answer.json()["data"]["result"]
        for value in stream["values"]
    ]


def metric(query: str) -> list[tuple[dict[str, str], float]]:
    """The instant vector of a PromQL query: (labels, value)."""
    answer = httpx.get(f"{MIMIR}/api/v1/query", params={"query": query}, headers=TENANT, timeout=10)
    answer.raise_for_status()
    return [(sample["metric"], float(sample["value"][1])) for sample in answer.json()["data"]["result"]]


def exemplars(query: str, *, minutes: float = 30) -> list[dict[str, Any]]:
    """Exemplars of a PromQL selector: dicts with `labels`, `value` and `timestamp`."""
    now = time.time()
    answer = httpx.get(
        f"{MIMIR}/api/v1/query_exemplars",
        params={"query": query, "start": now - minutes * 60, "end": now},
        headers=TENANT,
        timeout=10,
    )
    answer.raise_for_status()
    return [exemplar for series in answer.json()["data"] for exemplar in series["exemplars"]]


class Grafana:
    """Grafana's API as its administrator."""

    def __init__(self, password: str) -> None:
        self.client = httpx.Client(base_url=GRAFANA, auth=("admin", password), timeout=20)

    def data_source(self, uid: str) -> dict[str, Any]:
        """A provisioned data source."""
        return self.client.get(f"/api/datasources/uid/{uid}").raise_for_status().json()

    def query(self, uid: str, type_: str, /, *, minutes: float = 30, **model: Any) -> dict[str, Any]:
        """Run one query of a panel or a data link through `/api/ds/query`; returns the result of refId A."""
        now = int(time.time() * 1000)
        body = {
            "from": str(now - int(minutes * 60_000)),
            "to": str(now),
            "queries": [{"refId": "A", "datasource": {"uid": uid, "type": type_}, **model}],
        }
        answer = self.client.post("/api/ds/query", json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["results"]["A"]
