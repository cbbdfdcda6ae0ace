"""The three paths, as a scheduler and a load balancer see them."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from pitboss.health import Check, Health, HealthMiddleware, Message, State


async def _app(scope: MutableMapping[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"the application"})


def _client(health: Health) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=HealthMiddleware(_app, health))
    return httpx.AsyncClient(transport=transport, base_url="http://service")


async def _good() -> None:
    return None


async def test_liveness_asks_no_dependency() -> None:
    def check() -> None:
        pytest.fail("liveness ran a check")

    async with _client(Health("vault", {"database": check})) as client:
        response = await client.get("/liveness")

    assert (response.status_code, response.text) == (200, "OK")


async def test_health_reports_every_check() -> None:
    async with _client(Health("vault", {"database": _good, "kafka": lambda: None})) as client:
        response = await client.get("/health")

    assert response.status_code == 200
    body = response.json()
    assert body["service"] == "vault"
    assert body["timestamp"].endswith("+00:00")
    assert body["checks"] == {
        "database": {"status": "ok", "message": "ok"},
        "kafka": {"status": "ok", "message": "ok"},
    }


class OperationalError(Exception):
    """As psycopg names it."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TimeoutError("after 2 s"), Message.TIMEOUT),
        (ConnectionRefusedError("10.0.0.7:5432"), Message.UNREACHABLE),
        (OperationalError("no route to db-7.internal"), Message.UNREACHABLE),
        (ValueError("password=hunter2"), Message.ERROR),
    ],
)
@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_failed_check_shows_a_closed_message_and_logs_the_detail(
    error: Exception, message: Message, in_thread: bool
) -> None:
    def blocking() -> None:
        raise error

    async def asynchronous() -> None:
        raise error

    with capture_logs() as logs:
        async with _client(Health("vault", {"database": blocking if in_thread else asynchronous})) as client:
            response = await client.get("/health")

    assert response.status_code == 500
    assert response.json()["checks"] == {"database": {"status": "error", "message": message.value}}
    assert str(error) not in response.text
    assert logs[0]["error"] == f"{type(error).__name__}: {error}"


async def test_a_check_that_never_returns_is_a_timeout_for_everybody_and_holds_up_nobody() -> None:
    release = threading.Event()
    stubborn = asyncio.Event()

    def blocking() -> None:
        release.wait(30)

    async def ignores_cancellation() -> None:
        while not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                continue

    checks: dict[str, Check] = {"kafka": blocking, "redis": ignores_cancellation, "database": _good}
    health = Health("vault", checks, timeout=0.05, shared_for=0.0)
    first = await health.report()
    second = await health.report()

    for report in (first, second):
        assert report.checks == {"kafka": Message.TIMEOUT, "redis": Message.TIMEOUT, "database": Message.OK}
    waiting = [thread for thread in threading.enumerate() if thread.name == "pitboss-health-kafka"]
    assert len(waiting) == 1, "a check that hangs must not get a second thread"
    release.set()
    stubborn.set()
    await asyncio.to_thread(waiting[0].join, 5)


async def test_checks_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=5)

    async def wait_for_the_other() -> None:
        await asyncio.to_thread(both.wait)

    report = await Health("vault", {"a": wait_for_the_other, "b": wait_for_the_other}, timeout=10).report()

    assert report.is_ok


async def test_callers_share_one_result() -> None:
    calls: list[float] = []

    async def count() -> None:
        calls.append(time.monotonic())
        await asyncio.sleep(0)

    health = Health("vault", {"database": count}, shared_for=60)
    await asyncio.gather(*(health.report() for _ in range(10)))
    await health.report()

    assert len(calls) == 1


async def test_a_caller_that_gives_up_does_not_cancel_the_others() -> None:
    gate = asyncio.Event()
    health = Health("vault", {"database": lambda: None, "kafka": gate.wait})  # type: ignore[dict-item]
    impatient = asyncio.create_task(health.report())
    patient = asyncio.create_task(health.report())
    await asyncio.sleep(0)
    impatient.cancel()
    gate.set()

    assert (await patient).is_ok


async def test_only_a_change_is_logged() -> None:
    failing = True

    async def check() -> None:
        if failing:
            raise ConnectionError

    health = Health("vault", {"kafka": check}, shared_for=0.0)
    with capture_logs() as logs:
        await health.report()
        await health.report()
        failing = False
        await health.report()

    assert [(log["event"], log["outcome"]) for log in logs] == [
        ("health check failed", "unreachable"),
        ("health check recovered", "ok"),
    ]


async def test_ready_is_the_local_state_and_no_dependency() -> None:
    async def broken() -> None:
        raise ConnectionError

    health = Health("vault", {"database": broken})
    async with _client(health) as client:
        seen = [(await client.get("/ready")).status_code]
        health.serving()
        seen.append((await client.get("/ready")).status_code)
        health.draining()
        last = await client.get("/ready")

    assert [*seen, last.status_code, last.text] == [503, 200, 503, "draining"]


async def test_everything_else_reaches_the_application() -> None:
    async with _client(Health("vault", {})) as client:
        assert (await client.get("/healthy")).status_code == 418
        assert (await client.post("/health")).status_code == 405
        head = await client.head("/liveness")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "2")


async def test_the_end_of_the_lifespan_drains() -> None:
    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            pass

    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, str]:
        return next(messages)

    async def send(_: Any) -> None: ...

    health = Health("vault", {})
    health.serving()
    await HealthMiddleware(app, health)({"type": "lifespan"}, receive, send)

    assert health.state is State.DRAINING


async def test_the_report_is_plain_json() -> None:
    report = await Health("vault", {}).report()
    assert set(orjson.loads(report.to_json())) == {"service", "timestamp", "checks"}
