"""A node of Room-Service on a real port, and clients that connect to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import socketio
import uvicorn
from pydantic import RedisDsn, SecretStr

from casino import tokens
from room_service.app import create_app
from room_service.settings import RoomServiceSettings

SECRET = SecretStr("a secret for tests that is long enough")
DEADLINE_SECONDS = 30.0


class Client:
    """A player's socket that keeps what it was sent."""

    def __init__(self, url: str, transports: list[str]) -> None:
        self.url = url
        self.socket: Any = socketio.AsyncClient(reconnection=False)
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.refusal: Any = None
        self.closed = asyncio.Event()
        self._transports = transports
        self.socket.on("*", self._keep)
        self.socket.on("connect_error", self._keep_refusal)
        self.socket.on("disconnect", self._keep_end)

    async def connect(self, auth: Any) -> None:
        await self.socket.connect(self.url, auth=auth, transports=self._transports, wait_timeout=10)

    async def next(self, name: str) -> Any:
        """The next event, which must have this name."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            event, data = await self.events.get()
        assert event == name, f"{event} instead of {name}: {data}"
        return data

    async def _keep(self, event: str, data: Any) -> None:
        self.events.put_nowait((event, data))

    async def _keep_refusal(self, data: Any) -> None:
        self.refusal = data["data"] if isinstance(data, dict) else data

    async def _keep_end(self, reason: str) -> None:
        self.closed.set()


@pytest.fixture
def token() -> Callable[[str], str]:
    """Signs a session token for a player."""
    return lambda player: tokens.issue(player, SECRET)[0]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
async def start(client: Callable[..., Client]) -> AsyncIterator[Callable[..., Any]]:
    """Starts nodes; `await start(redis, kafka)` gives the address. They are stopped before the clients."""
    del client
    servers: list[tuple[Any, uvicorn.Server, asyncio.Task[None]]] = []

    async def start_node(redis: str, kafka: str = "127.0.0.1:1", ready: bool = False) -> str:
        settings = RoomServiceSettings(
            redis_url=RedisDsn(redis), kafka_bootstrap_servers=kafka, session_secret=SECRET, drain_seconds=0.2
        )
        app: Any = create_app(settings)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        servers.append((app, server, task))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not server.started:  # noqa: ASYNC110 - uvicorn has nothing to wait on
                await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        if ready:
            await _until_ready(url)
        return url

    yield start_node
    for app, server, task in servers:
        app.health.draining()
        server.should_exit = True
        await asyncio.wait_for(task, 15)


async def _until_ready(url: str) -> None:
    import httpx

    async with httpx.AsyncClient() as http, asyncio.timeout(DEADLINE_SECONDS):
        while (await http.get(f"{url}/ready")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., Client]]:
    """Makes clients; all are disconnected at the end."""
    clients: list[Client] = []

    def make(url: str, transports: tuple[str, ...] = ("websocket",)) -> Client:
        clients.append(Client(url, list(transports)))
        return clients[-1]

    yield make
    for each in clients:
        await each.socket.disconnect()
