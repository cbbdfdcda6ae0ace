"""The synchronous server and client, each event in a thread of its own."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import socketio
from opentelemetry import trace


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def address(instrumented: Any, server: socketio.Server) -> Iterator[str]:
    with make_server("127.0.0.1", 0, socketio.WSGIApp(server), _Server, _Quiet) as wsgi:
        thread = threading.Thread(target=wsgi.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{wsgi.server_address[1]}"
        wsgi.shutdown()
        thread.join()


@pytest.fixture
def server() -> socketio.Server:
    return socketio.Server(async_mode="threading", ping_interval=0.2, ping_timeout=1)


def _wait(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "condition did not become true in time"
        time.sleep(0.005)


def test_both_directions(server: socketio.Server, address: str, spans: Any) -> None:
    client = socketio.Client()
    got: list[Any] = []
    client.on("balance", got.append)
    server.on("chat", lambda _sid, text: text.upper())

    client.connect(address, transports=["polling"])
    with trace.get_tracer("test").start_as_current_span("player types"):
        assert client.call("chat", "hello") == "HELLO"
    with trace.get_tracer("test").start_as_current_span("bet"):
        server.emit("balance", 7)
    _wait(lambda: any(span.name == "process / balance" for span in spans.all))
    client.disconnect()
    _wait(lambda: any(span.name == "disconnect /" for span in spans.all))

    assert got == [7]
    assert spans.tree() == {
        "connect": {"connect /": {}},
        "player types": {"call / chat": {"emit / chat": {"process / chat": {}}}},
        "bet": {"emit / balance": {"process / balance": {}}},
        "disconnect /": {},
    }
