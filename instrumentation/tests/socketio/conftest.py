"""Real servers and real clients over real sockets."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio
import uvicorn

from pitboss.socketio import SocketIOInstrumentor


@pytest.fixture
def instrumented(spans: Any, measurements: Any) -> Iterator[None]:
    SocketIOInstrumentor().instrument()
    yield
    SocketIOInstrumentor().uninstrument()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serve an AsyncServer by uvicorn on a free port; gives its address."""

    @asynccontextmanager
    async def run(server: socketio.AsyncServer, other: Any = None) -> AsyncIterator[str]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            application = socketio.ASGIApp(server, other)
            config = uvicorn.Config(application, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
            uvicorn_server = uvicorn.Server(config)
            task = asyncio.create_task(uvicorn_server._serve(sockets=[listener]))
            await _wait(lambda: uvicorn_server.started)
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                await server.shutdown()
                uvicorn_server.should_exit = True
                await task

    return run


async def _wait(condition: Callable[[], Any], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition did not become true in time"
        await asyncio.sleep(0.005)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition with a deadline."""
    return _wait
