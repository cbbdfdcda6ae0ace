"""One trace from the emitter to the handler on the other side, over real sockets."""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import socketio
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from pitboss.socketio import SocketIOInstrumentor


def _trace_id(span: Any) -> int:
    return int(span.context.trace_id)


@pytest.fixture(params=["websocket", "polling"])
def transports(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    # A polling client leaves with the answer to its last poll: hence the short ping interval. That answer it
    # does not read, about which aiohttp complains whenever it is collected: here, not in another test.
    yield [request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
async def test_a_push_ends_in_the_clients_handler(
    instrumented: Any, spans: Any, serve: Any, until: Any, transports: Any
) -> None:
    server, client = (
        socketio.AsyncServer(async_mode="asgi", ping_interval=0.2, ping_timeout=1),
        socketio.AsyncClient(),
    )
    got: list[Any] = []

    @client.event
    async def balance(data: Any) -> None:
        trace.get_tracer("test").start_span("number moves").end()
        got.append(data)

    async with serve(server) as address:
        await client.connect(address, transports=transports)
        with trace.get_tracer("test").start_as_current_span("bet"):
            await server.emit("balance", {"balance_minor": "99000"})
        await until(lambda: got)
        await client.disconnect()

    assert got == [{"balance_minor": "99000"}]
    assert spans.tree()["bet"] == {"emit / balance": {"process / balance": {"number moves": {}}}}
    emitted, processed = spans.named("emit / balance"), spans.named("process / balance")
    assert (emitted.kind, processed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert dict(emitted.attributes) == {
        "messaging.system": "socket.io",
        "messaging.operation.name": "emit",
        "messaging.operation.type": "send",
        "messaging.destination.name": "/",
        "messaging.socket.io.namespace": "/",
        "messaging.socket.io.event_name": "balance",
    }


@pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
async def test_a_clients_event_continues_its_trace_and_links_its_connection(
    instrumented: Any, spans: Any, serve: Any, until: Any, transports: Any
) -> None:
    server, client = (
        socketio.AsyncServer(async_mode="asgi", ping_interval=0.2, ping_timeout=1),
        socketio.AsyncClient(),
    )

    @server.event
    async def chat(sid: str, data: Any) -> Any:
        return {"status": "ok", "echo": data}

    async with serve(server) as address:
        await client.connect(address, transports=transports)
        with trace.get_tracer("test").start_as_current_span("player types"):
            answer = await client.call("chat", {"text": "hello"})
        await client.disconnect()
        await until(lambda: any(span.name == "disconnect /" for span in spans.all))

    assert answer == {"status": "ok", "echo": {"text": "hello"}}
    assert spans.tree() == {
        "connect": {"connect /": {}},
        "player types": {"call / chat": {"emit / chat": {"process / chat": {}}}},
        "disconnect /": {},
    }
    connected = spans.named("connect /").context.span_id
    assert [link.context.span_id for link in spans.named("process / chat").links] == [connected]
    assert [link.context.span_id for link in spans.named("disconnect /").links] == [connected]


async def test_no_event_joins_the_endless_websocket_span(
    instrumented: Any, spans: Any, serve: Any, until: Any
) -> None:
    """As with an ASGI instrumentation outside: the whole connection runs inside one span."""
    server, client = socketio.AsyncServer(async_mode="asgi"), socketio.AsyncClient()
    seen: list[str] = []
    server.on("chat", lambda _sid, text: seen.append(text))
    original = server.handle_request

    async def inside_a_span(*args: Any, **kwargs: Any) -> Any:
        with trace.get_tracer("test").start_as_current_span("websocket"):
            return await original(*args, **kwargs)

    server.handle_request = inside_a_span
    async with serve(server) as address:
        SocketIOInstrumentor().uninstrument()
        client = socketio.AsyncClient()
        SocketIOInstrumentor().instrument()
        await client.connect(address, transports=["websocket"])
        await client.emit("chat", "one")
        await client.emit("chat", "two")
        await until(lambda: len(seen) == 2)
        await client.disconnect()
        await until(lambda: any(span.name == "websocket" for span in spans.all))

    assert spans.tree()["websocket"] == {}
    assert len({_trace_id(span) for span in spans.all if span.name == "process / chat"}) == 2


async def test_mixed_rooms_get_what_each_can_read(
    instrumented: Any, spans: Any, serve: Any, until: Any
) -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    modern, old = socketio.AsyncClient(), socketio.AsyncClient()
    got: dict[str, list[Any]] = {"modern": [], "old": []}
    modern.on("level_up", lambda *args: got["modern"].append(args))
    old.on("level_up", lambda *args: got["old"].append(args))
    frames: list[str] = []

    async with serve(server) as address:
        await modern.connect(address, transports=["websocket"])
        old.eio.logger.disabled = True
        await _connect_unannounced(old, address, frames)
        await server.emit("level_up", {"tier": "gold"})
        await server.emit("level_up", ("a", 2))
        await until(lambda: len(got["modern"]) == len(got["old"]) == 2)
        await modern.disconnect()
        await old.disconnect()

    assert got["modern"] == got["old"] == [({"tier": "gold"},), ("a", 2)]
    assert [frame for frame in frames if frame.startswith("2")] == [
        '2["level_up",{"tier":"gold"}]',
        '2["level_up","a",2]',
    ]
    assert all('"otel"' not in frame for frame in frames)
    assert len([span for span in spans.all if span.name == "emit / level_up"]) == 2


async def _connect_unannounced(client: socketio.AsyncClient, address: str, frames: list[str]) -> None:
    """Connect as a client without Pitboss does, and keep the packets that arrive."""
    handler = client.eio.handlers["message"]

    async def record(data: Any) -> None:
        frames.append(data)
        await handler(data)

    client.eio.handlers["message"] = record
    connect = client.eio.connect

    async def plain(url: str, headers: Any = None, **rest: Any) -> Any:
        kept = {
            key: value
            for key, value in (headers or {}).items()
            if key not in {"socketio-otel", "traceparent"}
        }
        return await type(client.eio).connect.__wrapped__(client.eio, url, headers=kept, **rest)

    assert connect is not None
    client.eio.connect = plain
    await client.connect(address, transports=["websocket"])


@pytest.mark.parametrize("binary", [False, True])
async def test_acknowledged_and_binary_pushes(
    instrumented: Any, spans: Any, serve: Any, binary: bool
) -> None:
    server, client = socketio.AsyncServer(async_mode="asgi"), socketio.AsyncClient()
    data = {"picture": b"\x00\x01"} if binary else {"text": "hello"}
    client.on("offer", lambda received: received == data)

    async with serve(server) as address:
        await client.connect(address, transports=["websocket"])
        assert await server.call("offer", data, to=client.get_sid()) is True
        await client.disconnect()

    assert spans.tree()["call / offer"] == {"emit / offer": {"process / offer": {}}}


async def test_call_without_an_answer_is_an_error(instrumented: Any, spans: Any, serve: Any) -> None:
    server, client = socketio.AsyncServer(async_mode="asgi"), socketio.AsyncClient()
    gate = asyncio.Event()

    async def offer() -> None:
        await gate.wait()

    client.on("offer", offer)
    async with serve(server) as address:
        await client.connect(address, transports=["websocket"])
        with pytest.raises(socketio.exceptions.TimeoutError):
            await server.call("offer", to=client.get_sid(), timeout=0.05)
        gate.set()
        await client.disconnect()

    span = spans.named("call / offer")
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "TimeoutError")


async def test_a_failing_handler(
    instrumented: Any, spans: Any, measurements: Any, serve: Any, until: Any
) -> None:
    server, client = socketio.AsyncServer(async_mode="asgi", async_handlers=False), socketio.AsyncClient()

    @server.event
    async def chat(sid: str) -> None:
        raise ValueError("poison")

    async with serve(server) as address:
        await client.connect(address, transports=["websocket"])
        await client.emit("chat")
        await until(lambda: any(span.name == "process / chat" for span in spans.all))
        await client.disconnect()

    span = spans.named("process / chat")
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "ValueError")
    (point,) = measurements.points("socketio.server.event.duration")
    assert dict(point.attributes) == {
        "messaging.socket.io.namespace": "/",
        "messaging.socket.io.event_name": "chat",
        "error.type": "ValueError",
    }


async def test_refused_connections(instrumented: Any, spans: Any, measurements: Any, serve: Any) -> None:
    server, client = socketio.AsyncServer(async_mode="asgi"), socketio.AsyncClient()

    @server.event
    async def connect(sid: str, environ: Any) -> None:
        raise socketio.exceptions.ConnectionRefusedError({"code": "unauthenticated"})

    async with serve(server) as address:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(address, transports=["websocket"])

    assert spans.named("connect /").attributes["error.type"] == "connection_refused"
    assert spans.named("connect").status.status_code is StatusCode.ERROR
    assert measurements.points("socketio.server.active_connections") == []


async def test_connection_metrics(instrumented: Any, measurements: Any, serve: Any, until: Any) -> None:
    server, client = socketio.AsyncServer(async_mode="asgi"), socketio.AsyncClient()
    async with serve(server) as address:
        await client.connect(address, transports=["websocket"])
        (active,) = measurements.points("socketio.server.active_connections")
        assert (active.value, dict(active.attributes)) == (1, {"messaging.socket.io.namespace": "/"})
        await client.disconnect()
        await until(lambda: measurements.points("socketio.server.connection.duration"))

    (active,) = measurements.points("socketio.server.active_connections")
    (duration,) = measurements.points("socketio.server.connection.duration")
    assert (active.value, duration.count) == (0, 1)
    reasons = {"client disconnect", "transport close"}  # whichever the server hears of first
    assert duration.attributes["messaging.socket.io.disconnect_reason"] in reasons


async def test_an_old_server_sees_nothing_but_the_handshake(
    spans: Any, measurements: Any, serve: Any, until: Any
) -> None:
    server, client = socketio.AsyncServer(async_mode="asgi"), socketio.AsyncClient()
    got: list[Any] = []
    server.on("chat", lambda _sid, *args: got.append(args))
    async with serve(server) as address:
        await client.connect(address, transports=["websocket"])
        await client.emit("chat", {"text": "x"})
        await until(lambda: got)
        SocketIOInstrumentor().instrument()
        try:
            # The connection was made without Pitboss: nothing was agreed on.
            await client.emit("chat", {"text": "y"})
            await server.emit("balance", 1)
            await until(lambda: len(got) == 2)
            await client.disconnect()
        finally:
            SocketIOInstrumentor().uninstrument()

    assert got == [({"text": "x"},), ({"text": "y"},)]


def test_uninstrument_restores_the_very_same_methods() -> None:
    classes = [
        socketio.Server,
        socketio.AsyncServer,
        socketio.Client,
        socketio.AsyncClient,
        socketio.AsyncManager,
    ]
    before = [dict(vars(cls)) for cls in classes]
    SocketIOInstrumentor().instrument()
    SocketIOInstrumentor().uninstrument()

    assert [dict(vars(cls)) for cls in classes] == before
