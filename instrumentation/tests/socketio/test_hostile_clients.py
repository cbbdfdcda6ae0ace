"""A client may send anything: it chooses no sampling, no span name, and breaks nothing."""

import json
from typing import Any

import aiohttp
import pytest
import socketio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

from pitboss._internal.trust import parent_of_own_sampling, span_context

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Raw:
    """A browser that speaks the protocol by hand."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket

    async def send(self, *arguments: Any) -> None:
        await self._websocket.send_str("42" + json.dumps(list(arguments)))

    async def receive(self) -> str:
        return str((await self._websocket.receive(timeout=5)).data)


@pytest.fixture
def raw(serve: Any) -> Any:
    """Run `use(client)` with a client that has connected by hand, with the handshake's query."""

    async def run(server: Any, use: Any, query: str = "&otel=1") -> None:
        async with serve(server) as address, aiohttp.ClientSession() as session:
            url = f"{address}/socket.io/?EIO=4&transport=websocket{query}"
            async with session.ws_connect(url) as websocket:
                client = Raw(websocket)
                assert (await client.receive()).startswith("0")
                await websocket.send_str("40")
                answer = await client.receive()
                assert ('"otel":1' in answer) == ("otel=1" in query)
                await use(client)

    return run


def _carrier(traceparent: Any) -> Any:
    return {"_otel": {"traceparent": traceparent, "baggage": "a=b", "tracestate": "x=y"}}


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_the_trace_is_continued_but_not_the_sampled_flag(
    instrumented: Any, spans: Any, raw: Any, until: Any, flags: str
) -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    server.on("chat", lambda _sid, _text: None)

    async def use(client: Raw) -> None:
        await client.send("chat", "hi", _carrier(f"00-{TRACE}-{PARENT}-{flags}"))
        await until(lambda: any(span.name == "process / chat" for span in spans.all))

    await raw(server, use)
    span = spans.named("process / chat")
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert not span.context.trace_state


def test_a_client_can_not_force_sampling() -> None:
    provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    remote = span_context(f"00-{TRACE}-{PARENT}-01")
    assert remote is not None
    from opentelemetry.test.globals_test import reset_trace_globals

    reset_trace_globals()
    trace.set_tracer_provider(provider)
    try:
        continued = trace.get_current_span(parent_of_own_sampling(remote, "x")).get_span_context()
    finally:
        reset_trace_globals()
    assert (continued.trace_id, continued.trace_flags.sampled) == (remote.trace_id, False)


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        7,
        "",
        "nonsense",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01" * 1000,
        ["x"],
        {"a": 1},
    ],
)
async def test_a_malformed_carrier_gives_a_fresh_root(
    instrumented: Any, spans: Any, raw: Any, until: Any, traceparent: Any
) -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    got: list[Any] = []
    server.on("chat", lambda _sid, text: got.append(text))

    async def use(client: Raw) -> None:
        await client.send("chat", "hi", _carrier(traceparent))
        await until(lambda: got)
        await until(lambda: any(span.name == "process / chat" for span in spans.all))

    await raw(server, use)
    assert got == ["hi"]
    assert spans.named("process / chat").parent is None


async def test_without_negotiation_a_payload_that_looks_like_a_carrier_is_data(
    instrumented: Any, spans: Any, raw: Any, until: Any
) -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    got: list[Any] = []
    server.on("chat", lambda _sid, *args: got.append(args))
    carrier = _carrier(f"00-{TRACE}-{PARENT}-01")

    async def use(client: Raw) -> None:
        await client.send("chat", carrier)
        await until(lambda: got)

    await raw(server, use, query="")
    assert got == [(carrier,)]
    assert spans.named("process / chat").parent is None


async def test_names_of_unknown_events_reach_neither_spans_nor_metrics(
    instrumented: Any, spans: Any, measurements: Any, raw: Any, until: Any
) -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    caught: list[str] = []
    server.on("*", lambda event, _sid, *_: caught.append(event))

    async def use(client: Raw) -> None:
        for number in range(20):
            await client.send(f"attack-{number}", "x")
        await client.send("*", "x")
        await until(lambda: len(caught) >= 20)
        await until(lambda: len([s for s in spans.all if s.name.startswith("process")]) == 21)

    await raw(server, use)
    assert {span.name for span in spans.all if span.name.startswith("process")} == {"process / _OTHER"}
    assert len(measurements.points("socketio.server.event.duration")) == 1


async def test_the_handshakes_trace_is_continued_by_the_connect_span(
    instrumented: Any, spans: Any, raw: Any
) -> None:
    async def use(client: Raw) -> None: ...

    server = socketio.AsyncServer(async_mode="asgi", namespaces=["/"])
    await raw(server, use, query=f"&otel=1&traceparent=00-{TRACE}-{PARENT}-00")
    assert f"{spans.named('connect /').context.trace_id:032x}" == TRACE
