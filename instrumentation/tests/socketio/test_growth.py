"""What is remembered about clients ends with them."""

import asyncio
from typing import Any

import socketio

from pitboss.socketio._server import ServerHooks


async def test_nothing_stays_of_clients_that_came_and_went(
    instrumented: None, serve: Any, until: Any, monkeypatch: Any, measurements: Any
) -> None:
    hooks: list[ServerHooks] = []
    of = ServerHooks.peers
    monkeypatch.setattr(ServerHooks, "peers", lambda self, server: hooks.append(self) or of(self, server))
    server = socketio.AsyncServer(async_mode="asgi")
    released = asyncio.Event()

    async def slow(sid: str) -> None:
        await released.wait()
        await server.emit("late", to=sid)

    async def refuse(sid: str, environ: Any) -> bool:
        return False

    server.on("slow", slow)
    server.on("connect", refuse, namespace="/closed")

    async def visit(url: str, number: int) -> None:
        client = socketio.AsyncClient(reconnection=False)
        namespaces = ["/"] if number % 3 else ["/", "/closed"]
        try:
            await client.connect(url, transports=["websocket"], namespaces=namespaces)
            await client.emit("slow")
        except socketio.exceptions.ConnectionError:
            pass
        await client.disconnect()

    async with serve(server) as url:
        await asyncio.gather(*(visit(url, number) for number in range(30)))
        released.set()
        await until(lambda: not server.eio.sockets)
        peers = of(hooks[0], server)
        await until(lambda: not peers.connections and not peers.negotiated)

    assert [point.value for point in measurements.points("socketio.server.active_connections")] == [0]
