"""The life of a service: alive from the first moment, serving when all is there, drained at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from pydantic import SecretStr

from casino import lifecycle
from casino.lifecycle import Service, Step
from casino.settings import ServiceSettings

SETTINGS = ServiceSettings(kafka_bootstrap_servers="kafka:9092", session_secret=SecretStr("s" * 32))


class Recorder:
    """Steps, workers and closers that note what happened, in order."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.database_is_up = asyncio.Event()

    async def connect(self) -> None:
        if not self.database_is_up.is_set():
            self.notes.append("refused")
            raise ConnectionRefusedError
        self.notes.append("connected")

    def start(self) -> None:
        self.notes.append("worker started")

    def stop(self, timeout: float) -> None:
        self.notes.append(f"worker stopped within {timeout:g}")

    async def close(self) -> None:
        self.notes.append("closed")


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    """A service made of the recorder, from the start of its lifespan to the end."""
    service = Service(
        name="test",
        settings=SETTINGS,
        checks={},
        steps=(Step("connect", recorder.connect),),
        workers=(recorder,),
        closers=(recorder.close,),
    )
    app, health = lifecycle.create_app(service, [])
    outermost = lifecycle.with_health(app, health)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(outermost), base_url="http://test") as client,
        app.router.lifespan_context(app),
    ):
        yield client


async def status(client: httpx.AsyncClient, path: str) -> int:
    """HTTP status of a path."""
    return (await client.get(path)).status_code


async def until_ready(client: httpx.AsyncClient) -> None:
    """Wait for /ready, at most ten seconds."""
    async with asyncio.timeout(10):
        while await status(client, "/ready") != httpx.codes.OK:  # noqa: ASYNC110 - over HTTP there is no event
            await asyncio.sleep(0.01)


async def test_a_service_whose_database_is_late_lives_and_waits() -> None:
    recorder = Recorder()
    async with running(recorder) as client:
        assert await status(client, "/liveness") == 200
        assert await status(client, "/ready") == 503
        refused = await client.get("/anything")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        recorder.database_is_up.set()
        await until_ready(client)
        assert await status(client, "/anything") == 404


async def test_workers_start_after_the_steps_and_stop_before_the_closers() -> None:
    recorder = Recorder()
    recorder.database_is_up.set()
    async with running(recorder) as client:
        await until_ready(client)
    assert recorder.notes == ["connected", "worker started", "worker stopped within 5", "closed"]


async def test_a_service_that_never_started_ends_all_the_same() -> None:
    recorder = Recorder()
    async with running(recorder) as client:
        assert await status(client, "/ready") == 503
    assert recorder.notes[-1] == "closed"
    assert "worker started" not in recorder.notes
