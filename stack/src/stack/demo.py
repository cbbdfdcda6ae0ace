"""What `stack demo` shows: the last bet's trace and where to look at it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

import httpx

from stack.errors import StackError
from stack.native import state
from stack.native.translate import reachable
from stack.progress import Reporter
from stack.project import Project

TENANT = {"X-Scope-OrgID": "casino"}
JOURNEY = frozenset({"vault", "concierge", "room-service"})
"""The services that a bet passes through."""
BET = '{resource.service.name="vault" && span.http.route="/wallet/bet"}'
TRACE_SECONDS = 120.0
ESTIMATE_SECONDS = 20.0
POLL_SECONDS = 0.5
SEARCH_LIMIT = 5
TEMPO_PORT, GRAFANA_PORT = 3200, 3000


@dataclass(frozen=True)
class BetTrace:
    """A bet's trace that the backend returns."""

    trace_id: str
    services: frozenset[str]


def wait_for_trace(project: Project, report: Reporter, seconds: float = TRACE_SECONDS) -> BetTrace:
    """Return the newest bet since the stack started whose trace has spans of all that it passes through.

    Raises StackError when there is none after `seconds`.
    """
    tempo = _address(project, "tempo", TEMPO_PORT)
    deadline = time.monotonic() + seconds
    seen: frozenset[str] = frozenset()
    record = state.read_stack(project)
    since = record.started if record else 0.0
    with (
        report.task("first bet's trace", ESTIMATE_SECONDS),
        httpx.Client(base_url=tempo, headers=TENANT, timeout=5, trust_env=False) as client,
    ):
        while time.monotonic() < deadline:
            for trace_id in _recent_bets(client, since):
                seen = _services(client, trace_id)
                if seen >= JOURNEY:
                    _note_first_trace(project)
                    return BetTrace(trace_id, seen)
            time.sleep(POLL_SECONDS)
        raise StackError(
            f"no bet's whole trace was found within {seconds:.0f} s",
            cause=f"the last one has spans of {', '.join(sorted(seen))} only" if seen else "no bet was found",
            advice="`stack status` and `stack logs players vault collector` show where it ends",
        )


def announce(project: Project, trace: BetTrace, user: str) -> list[str]:
    """Return what to tell the user: address, user, trace id and link."""
    grafana = _address(project, "grafana", GRAFANA_PORT)
    return [
        "",
        f"Grafana     {grafana}",
        f"user        {user}, password: GRAFANA_ADMIN_PASSWORD in {project.root / '.env'}",
        f"last bet    trace {trace.trace_id} through {', '.join(sorted(trace.services))}",
        f"open it     {explore_link(grafana, trace.trace_id)}",
        "",
    ]


def explore_link(grafana: str, trace_id: str) -> str:
    """Return the address that opens a trace in Grafana's Explore; understood from version 10 on."""
    source = {"type": "tempo", "uid": "tempo"}
    pane = {
        "datasource": "tempo",
        "queries": [{"refId": "A", "datasource": source, "queryType": "traceql", "query": trace_id}],
        "range": {"from": "now-1h", "to": "now"},
    }
    return f"{grafana}/explore?orgId=1&left={quote(json.dumps(pane, separators=(',', ':')))}"


def _recent_bets(client: httpx.Client, since: float) -> list[str]:
    """Ask for bets after `since` (seconds since the epoch): Tempo's volume outlives the stack."""
    window = {"start": int(since), "end": int(time.time()) + 1}
    found = _get(client, "/api/search", {"q": BET, "limit": SEARCH_LIMIT, **window})
    began = {trace["traceID"]: int(trace["startTimeUnixNano"]) for trace in found.get("traces") or []}
    new = [trace_id for trace_id, moment in began.items() if moment >= since * 1e9]
    return [trace_id.zfill(32) for trace_id in sorted(new, key=began.__getitem__, reverse=True)]


def _services(client: httpx.Client, trace_id: str) -> frozenset[str]:
    found = _get(client, f"/api/traces/{trace_id}", {})
    return frozenset(
        attribute["value"]["stringValue"]
        for batch in found.get("batches") or []
        for attribute in batch["resource"]["attributes"]
        if attribute["key"] == "service.name"
    )


def _get(client: httpx.Client, path: str, parameters: Mapping[str, str | int]) -> dict:
    try:
        answer = client.get(path, params=dict(parameters))
        return answer.json() if answer.is_success else {}
    except (httpx.HTTPError, json.JSONDecodeError):
        return {}


def _address(project: Project, service: str, port: int) -> str:
    ports = project.compose.services[service].ports
    published = next(each.published for each in ports if each.container == port)
    return f"http://{reachable(project.bind)}:{published}"


def _note_first_trace(project: Project) -> None:
    record = state.read_stack(project)
    if record is not None and record.first_trace is None:
        state.write_stack(project, replace(record, first_trace=time.time()))
