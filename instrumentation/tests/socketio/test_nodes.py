"""Several nodes: the emitter's context reaches clients of other nodes, and no listener keeps a visitor's."""

import asyncio
import json
from typing import Any

import socketio
from opentelemetry import trace
from socketio.async_pubsub_manager import AsyncPubSubManager


class Bus:
    """What Redis is in production: everything that is published reaches every node."""

    def __init__(self) -> None:
        self.queues: list[asyncio.Queue[str]] = []
        self.messages: list[dict[str, Any]] = []

    def publish(self, message: Any) -> None:
        text = json.dumps(message)
        self.messages.append(json.loads(text))
        for queue in self.queues:
            queue.put_nowait(text)


class Manager(AsyncPubSubManager):  # type: ignore[misc]
    """A manager on that bus."""

    def __init__(self, bus: Bus, **options: Any) -> None:
        super().__init__(**options)
        self.bus = bus
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.listened_in: list[int] = []
        bus.queues.append(self.queue)

    async def _publish(self, data: Any) -> None:
        self.bus.publish(data)

    async def _listen(self) -> Any:
        self.listened_in.append(trace.get_current_span().get_span_context().trace_id)
        while True:
            yield await self.queue.get()


def _node(bus: Bus) -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="asgi", client_manager=Manager(bus))


async def _stop(*nodes: Any) -> None:
    for node in nodes:
        node.manager.thread.cancel()
        await asyncio.wait([node.manager.thread])


async def test_an_emit_on_one_node_ends_in_a_client_of_another(
    instrumented: Any, spans: Any, serve: Any, until: Any
) -> None:
    bus = Bus()
    here, there, client = _node(bus), _node(bus), socketio.AsyncClient()
    got: list[Any] = []
    client.on("balance", got.append)
    async with serve(there) as address:
        await client.connect(address, transports=["websocket"])
        with trace.get_tracer("test").start_as_current_span("bet"):
            await here.emit("balance", {"balance_minor": "1"})
        await until(lambda: got)
        await client.disconnect()
        await _stop(there)

    assert spans.tree()["bet"] == {"emit / balance": {"process / balance": {}}}


async def test_a_process_that_only_emits(instrumented: Any, spans: Any, serve: Any, until: Any) -> None:
    bus = Bus()
    node, client, got = _node(bus), socketio.AsyncClient(), []
    client.on("balance", got.append)
    async with serve(node) as address:
        await client.connect(address, transports=["websocket"])
        await Manager(bus, write_only=True, json=json).emit("balance", 1)
        await until(lambda: got)
        await client.disconnect()
        await _stop(node)

    assert spans.tree()["emit / balance"] == {"process / balance": {}}


async def test_the_listener_belongs_to_no_visitor(instrumented: Any, serve: Any, until: Any) -> None:
    node, client = _node(Bus()), socketio.AsyncClient()
    async with serve(node) as address:
        with trace.get_tracer("test").start_as_current_span("first visitor"):
            await client.connect(address, transports=["websocket"])
        await until(lambda: node.manager.listened_in)
        await client.disconnect()
        await _stop(node)

    assert node.manager.listened_in == [0]


async def test_nodes_without_pitboss_understand_the_message(
    instrumented: Any, serve: Any, until: Any
) -> None:
    bus = Bus()
    node, client, got = _node(bus), socketio.AsyncClient(), []
    client.on("balance", got.append)
    async with serve(node) as address:
        await client.connect(address, transports=["websocket"])
        await node.emit("balance", {"a": 1})
        old = {key: value for key, value in bus.messages[-1].items() if key != "otel"}
        assert set(bus.messages[-1]) - set(old) == {"otel"}
        bus.publish({**old, "host_id": "old node"})
        bus.publish({**old, "host_id": "hostile", "otel": "x" * 1000})
        await until(lambda: len(got) == 3)
        await client.disconnect()
        await _stop(node)

    assert got == [{"a": 1}] * 3
