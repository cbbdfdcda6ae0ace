"""Two nodes over a real Redis."""

import uuid
from typing import Any

import pytest
import socketio
from opentelemetry import trace

pytestmark = pytest.mark.server


async def test_an_emit_on_one_node_ends_in_a_client_of_another(
    instrumented: Any, spans: Any, serve: Any, until: Any, redis: str
) -> None:
    channel = f"pitboss-test-{uuid.uuid4().hex}"
    here, there = (
        socketio.AsyncServer(
            async_mode="asgi", client_manager=socketio.AsyncRedisManager(redis, channel=channel)
        )
        for _ in range(2)
    )
    listener, client, got = socketio.AsyncClient(), socketio.AsyncClient(), []
    client.on("balance", got.append)
    async with serve(here) as first, serve(there) as second:
        await listener.connect(first, transports=["websocket"])
        await client.connect(second, transports=["websocket"])
        await until(lambda: there.manager.connected)
        attempts = 0
        while not got:  # its subscription may begin a moment after the connection
            attempts += 1
            with trace.get_tracer("test").start_as_current_span(f"bet {attempts}"):
                await here.emit("balance", {"balance_minor": "1"}, room=client.get_sid())
            await until(lambda: got, seconds=1)
        await listener.disconnect()
        await client.disconnect()
        for node in (here, there):
            node.manager.thread.cancel()
            await node.manager.redis.aclose()

    assert spans.tree()[f"bet {attempts}"] == {"emit / balance": {"process / balance": {}}}
