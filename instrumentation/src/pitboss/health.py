"""Health that a scheduler can trust: `/liveness`, `/health` and `/ready` in front of any ASGI application.

`/liveness` says that the process can answer, and asks nobody. `/ready` says whether this process wants
traffic, from local state only: a shared dependency that fails must not empty the whole fleet. `/health` asks
every dependency and is for people and alerts. None of them makes telemetry, none shows internal detail:
messages come from `Message`, what an exception said goes to the log.
"""

import asyncio
import contextlib
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation

Check = Callable[[], Awaitable[None] | None]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATHS = ("/liveness", "/health", "/ready")

_log = structlog.get_logger("pitboss.health")


class State(StrEnum):
    """Whether this process wants traffic."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


class Message(StrEnum):
    """All that a check's result ever says to the outside."""

    OK = "ok"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Report:
    """The results of all checks at one moment (Unix time in seconds)."""

    service: str
    taken_at: float
    checks: Mapping[str, Message]

    @property
    def is_ok(self) -> bool:
        return all(message is Message.OK for message in self.checks.values())

    def to_json(self) -> bytes:
        checks = {
            name: {"status": "ok" if message is Message.OK else "error", "message": message}
            for name, message in self.checks.items()
        }
        timestamp = datetime.fromtimestamp(self.taken_at, UTC).isoformat()
        return orjson.dumps({"service": self.service, "timestamp": timestamp, "checks": checks})


class Health:
    """The health of one process: its own state and the checks of what it depends on.

    Args:
        service: name shown in the report.
        checks: by name; each returns (or awaits to) None when its dependency answers and raises otherwise.
            A plain function runs in a thread of its own, so it may block.
        timeout: seconds that each check is given.
        shared_for: seconds for which all callers get the same result, so that probes can't load a dependency.
    """

    def __init__(
        self, service: str, checks: Mapping[str, Check], timeout: float = 2.0, shared_for: float = 1.0
    ) -> None:
        self.service = service
        self.state = State.STARTING
        self._runners = {name: _Runner(name, check, timeout) for name, check in checks.items()}
        self._shared_for = shared_for
        self._last: Report | None = None
        self._last_until = 0.0
        self._running: asyncio.Task[Report] | None = None

    def serving(self) -> None:
        """From now on `/ready` answers 200."""
        self.state = State.SERVING

    def draining(self) -> None:
        """From now on `/ready` answers 503: finish what is there, send nothing new."""
        self.state = State.DRAINING

    async def report(self) -> Report:
        """Run all checks side by side, or return the result that another caller got within `shared_for`."""
        if self._last is not None and time.monotonic() < self._last_until:
            return self._last
        loop = asyncio.get_running_loop()
        if self._running is None or self._running.done() or self._running.get_loop() is not loop:
            self._running = loop.create_task(self._run())
        return await asyncio.shield(self._running)

    async def _run(self) -> Report:
        messages = await asyncio.gather(*(runner.run() for runner in self._runners.values()))
        self._last = Report(self.service, time.time(), dict(zip(self._runners, messages, strict=True)))
        self._last_until = time.monotonic() + self._shared_for
        return self._last


class _Runner:
    """Runs one check within its time, and logs when its result changes."""

    def __init__(self, name: str, check: Check, timeout: float) -> None:
        self._name = name
        self._check = check
        self._timeout = timeout
        self._previous = Message.OK
        self._blocked: threading.Thread | None = None

    async def run(self) -> Message:
        with suppress_instrumentation():
            task = asyncio.ensure_future(self._call())
        # Not asyncio.timeout(): that waits for the check to accept its cancellation.
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if not done:
            task.cancel()
            task.add_done_callback(_retrieve)
            return self._result(Message.TIMEOUT, f"no answer within {self._timeout} s")
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return self._result(Message.OK, None)
        return self._result(_message_for(error), f"{type(error).__name__}: {error}")

    def _result(self, message: Message, detail: str | None) -> Message:
        if message is not self._previous:
            self._previous = message
            fields = {"event.name": "health.check", "check": self._name, "outcome": message.value}
            if message is Message.OK:
                _log.info("health check recovered", **fields)
            else:
                _log.warning("health check failed", **fields, error=detail)
        return message

    async def _call(self) -> None:
        result = self._check() if inspect.iscoroutinefunction(self._check) else await self._in_thread()
        if inspect.isawaitable(result):
            await result

    async def _in_thread(self) -> Awaitable[None] | None:
        # A thread of its own and a daemon: a check that hangs must hold up neither the executor nor the exit.
        if self._blocked is not None and self._blocked.is_alive():
            raise TimeoutError("the check before this one still has not returned")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Awaitable[None] | None] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: Awaitable[None] | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def work() -> None:
            result: Awaitable[None] | None = None
            error: BaseException | None = None
            try:
                result = context.run(self._check)
            except BaseException as raised:  # noqa: BLE001 - handed to the caller
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                loop.call_soon_threadsafe(settle, result, error)

        self._blocked = threading.Thread(target=work, name=f"pitboss-health-{self._name}", daemon=True)
        self._blocked.start()
        return await future


def _retrieve(task: asyncio.Future[None]) -> None:
    if not task.cancelled():
        task.exception()


# By name, because the clients that a check uses are not dependencies of this package.
_UNREACHABLE = {
    "ConnectionError",
    "OperationalError",
    "KafkaConnectionError",
    "NoBrokersAvailable",
    "NodeNotReadyError",
}


def _message_for(error: BaseException) -> Message:
    names = {ancestor.__name__ for ancestor in type(error).__mro__}
    if any(name.endswith(("Timeout", "TimeoutError")) for name in names):
        return Message.TIMEOUT
    if isinstance(error, OSError) or names & _UNREACHABLE:
        return Message.UNREACHABLE
    return Message.ERROR


class HealthMiddleware:
    """Answers the three paths before anything else sees the request, and passes everything else on.

    Goes outermost, around FastAPI as around `socketio.ASGIApp`. The application marks itself
    `Health.serving`; when its lifespan ends it is draining at the latest.
    """

    def __init__(self, app: Application, health: Health) -> None:
        self.app = app
        self.health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in PATHS:
            await self._answer(scope, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, self._watching(receive), send)
        else:
            await self.app(scope, receive, send)

    def _watching(self, receive: Receive) -> Receive:
        async def watched() -> MutableMapping[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.health.draining()
            return message

        return watched

    async def _answer(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            status, media, body = 405, b"text/plain", b"Method Not Allowed"
        elif scope["path"] == "/liveness":
            status, media, body = 200, b"text/plain", b"OK"
        elif scope["path"] == "/ready":
            state = self.health.state
            status, media, body = (200 if state is State.SERVING else 503), b"text/plain", state.encode()
        else:
            report = await self.health.report()
            status, media, body = (200 if report.is_ok else 500), b"application/json", report.to_json()
        headers = [
            (b"content-type", media),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
