"""The life of a service: starting, serving, draining.

The process answers `/liveness` from its first moment. What it needs (schema, topics, pool) is had in the
background, tried again until it is there: a database that is late must not kill the service. Until then
`/ready` and all requests answer 503. SIGTERM turns `/ready` to 503 first, the listener closes
`drain_seconds` later, running requests finish, workers flush, then the process ends.
"""

import asyncio
import contextlib
import inspect
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

import structlog
from fastapi import APIRouter, FastAPI
from kafka.errors import KafkaError
from opentelemetry.instrumentation.utils import suppress_instrumentation
from starlette.types import ASGIApp, Receive, Scope, Send

from casino import problems
from casino.body_limit import BodyLimit
from casino.database import OUTAGES
from casino.settings import ServiceSettings
from pitboss.health import PATHS, Check, Health, HealthMiddleware, State

log = structlog.get_logger()

# Exceptions that pass when a dependency comes back. Everything else at start is a mistake of ours.
TRANSIENT = (*OUTAGES, KafkaError, OSError)
MAX_BACKOFF_SECONDS = 5.0
WORKER_STOP_SECONDS = 5.0
CLOSE_SECONDS = 3.0


class Worker(Protocol):
    """A background thread. `stop` finishes what was begun, in at most `timeout` seconds, and joins."""

    def start(self) -> None: ...

    def stop(self, timeout: float) -> None: ...


@dataclass(frozen=True)
class Step:
    """Something that must succeed once before the service serves. A plain function runs in a thread."""

    name: str
    run: Callable[[], Awaitable[None] | object]


@dataclass(frozen=True)
class Service:
    """What a service is made of.

    Args:
        steps: run in this order at start, each until it succeeds.
        workers: started after the steps, stopped in reverse order.
        closers: awaited at the end, in this order.
    """

    name: str
    settings: ServiceSettings
    checks: Mapping[str, Check]
    steps: Sequence[Step] = ()
    workers: Sequence[Worker] = ()
    closers: Sequence[Callable[[], Awaitable[None] | object]] = field(default=())


def create_app(service: Service, routers: Iterable[APIRouter]) -> tuple[FastAPI, Health]:
    """Make the FastAPI app with problem details and life cycle, and its health.

    Wrap what is outermost in `HealthMiddleware(app, health)` (`with_health` where that is the app itself).
    """
    health = Health(service.name, service.checks)
    app = FastAPI(
        title=service.name,
        lifespan=lambda _: lifespan(service, health),
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": problems.ProblemDetails, "description": "RFC 9457 problem details"}},
    )
    for router in routers:
        app.include_router(router)
    app.add_middleware(BodyLimit)
    app.add_middleware(_Gate, health=health)
    problems.install(app, outages=OUTAGES)
    return app, health


class _NoProbes(logging.Filter):
    """Probes come every second or two from several sides; in the access log they would be most of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        path = record.args[2] if isinstance(record.args, tuple) and len(record.args) > 2 else None
        return path not in PATHS


def with_health(app: FastAPI, health: Health) -> ASGIApp:
    """Put the health endpoints in front of the app, and keep them out of the access log."""
    logging.getLogger("uvicorn.access").addFilter(_NoProbes())
    return HealthMiddleware(app, health)


class _Gate:
    """Answers 503 while the service starts: its schema may be missing still."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self.app = app
        self.health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.health.state is State.STARTING:
            problem = problems.unavailable(reason="starting")
            await problems.answer(problem, "unmatched")(scope, receive, send)
            return
        await self.app(scope, receive, send)


@contextlib.asynccontextmanager
async def lifespan(service: Service, health: Health) -> AsyncIterator[None]:
    """Start in the background, serve, drain. See the module's first lines for the order."""
    started: list[Worker] = []
    start = asyncio.create_task(_start(service, health, started), name=f"{service.name}-start")
    with _draining_on_sigterm(health, service.settings.drain_seconds):
        try:
            yield
        finally:
            health.draining()
            start.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await start
            await _stop(service, started)


async def _start(service: Service, health: Health, started: list[Worker]) -> None:
    try:
        for step in service.steps:
            await _until_done(service, step)
        for worker in service.workers:
            worker.start()
            started.append(worker)
    except Exception as error:  # a mistake of ours: waiting would not mend it
        log.critical(
            "service can't start",
            exc_info=error,
            **{"event.name": "service.start_failed", "error.type": type(error).__name__},
        )
        os.kill(os.getpid(), signal.SIGTERM)
        return
    if health.state is State.STARTING:
        health.serving()
    log.info("service serves", **{"event.name": "service.serving"})


async def _until_done(service: Service, step: Step) -> None:
    attempt = 0
    while True:
        attempt += 1
        try:
            with suppress_instrumentation():
                await _call(step.run)
            return
        except TRANSIENT as error:
            delay = min(MAX_BACKOFF_SECONDS, 0.2 * 2 ** min(attempt - 1, 10))
            log.warning(
                "start step failed, it is tried again",
                **{
                    "event.name": "service.start_retry",
                    "service": service.name,
                    "step": step.name,
                    "attempt": attempt,
                    "error.type": type(error).__name__,
                },
            )
            await asyncio.sleep(delay)


async def _stop(service: Service, started: Sequence[Worker]) -> None:
    for worker in reversed(started):
        await asyncio.to_thread(worker.stop, WORKER_STOP_SECONDS)
    for close in service.closers:
        try:
            await asyncio.wait_for(_call(close), CLOSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - the process ends anyway, the others still want to close
            log.warning(
                "closing failed", **{"event.name": "service.close", "error.type": type(error).__name__}
            )
    log.info("service drained", **{"event.name": "service.drained"})


async def _call(function: Callable[[], Awaitable[None] | object]) -> None:
    if inspect.iscoroutinefunction(function):
        await function()
    else:
        await asyncio.to_thread(function)


@contextlib.contextmanager
def _draining_on_sigterm(health: Health, seconds: float) -> Any:
    """On SIGTERM say "draining" at once, and pass the signal to the server's own handler `seconds` later.

    Load balancers learn from `/ready` that they must send no more, while the listener is still open. A
    second SIGTERM skips the wait. Without a handler of the server's (tests, a thread) nothing changes.
    """
    previous = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield
        return
    loop = asyncio.get_running_loop()
    passed_on = False

    def pass_on() -> None:
        nonlocal passed_on
        if not passed_on:
            passed_on = True
            previous(signal.SIGTERM, None)

    def drain(_signal: int, _frame: FrameType | None) -> None:
        if health.state is State.DRAINING:
            loop.call_soon_threadsafe(pass_on)
            return
        health.draining()
        loop.call_soon_threadsafe(loop.call_later, seconds, pass_on)

    signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is drain:
            signal.signal(signal.SIGTERM, previous)
