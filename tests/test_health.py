"""Health end points turn to error and back when what they depend on is really stopped and started."""

from __future__ import annotations

import httpx
import pytest
from support import casino
from support.native import NativeStack
from support.wait import until

pytestmark = pytest.mark.stack

DEPENDENTS = {
    "postgres": {"vault": "database", "concierge": "database"},
    "kafka": {"vault": "kafka", "concierge": "kafka", "room-service": "kafka"},
    "redis": {"room-service": "redis"},
}


def check(service: str, name: str) -> tuple[int, str]:
    """HTTP status of `/health` and the state of one of its checks."""
    answer = httpx.get(f"{casino.SERVICES[service]}/health", timeout=5)
    return answer.status_code, answer.json()["checks"][name]["status"]


@pytest.mark.waits("a server to stop and to start")
@pytest.mark.parametrize("dependency", DEPENDENTS)
def test_health_follows_its_dependency_while_the_service_stays_alive(
    stack: NativeStack, dependency: str
) -> None:
    dependents = DEPENDENTS[dependency]
    for service, name in dependents.items():
        assert until(
            lambda s=service, n=name: check(s, n) == (200, "ok"), seconds=60, what=f"{service} healthy"
        )

    stack.run("stop", dependency)
    try:
        for service, name in dependents.items():
            assert until(
                lambda s=service, n=name: check(s, n) == (500, "error"),
                seconds=30,
                what=f"{service} unhealthy",
            )
            assert httpx.get(f"{casino.SERVICES[service]}/liveness").text == "OK"
            assert httpx.get(f"{casino.SERVICES[service]}/ready").status_code == httpx.codes.OK
    finally:
        stack.run("start", dependency)

    for service, name in dependents.items():
        assert until(
            lambda s=service, n=name: check(s, n) == (200, "ok"), seconds=90, what=f"{service} healthy again"
        )


def test_health_tells_no_internals(stack: NativeStack) -> None:
    del stack
    for url in casino.SERVICES.values():
        body = httpx.get(f"{url}/health").json()
        assert body.keys() == {"service", "timestamp", "checks"}
        for result in body["checks"].values():
            assert result.keys() == {"status", "message"}
            assert result["message"] in {"ok", "timeout", "unreachable", "error"}
