"""Traces socket.io (`python-socketio`): servers, clients and the managers that connect several nodes.

A connection is one short connect span. Each event that a client sends is a trace of its own (or continues the
client's) with a link to that span. What the server emits stays in the trace of whoever emitted it, up to the
handler in a client that speaks the carrier of `pitboss.socketio._carrier`.
"""

import importlib
import inspect
from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from pitboss._internal.hooks import Hooks
from pitboss.socketio._client import ClientHooks
from pitboss.socketio._emission import emission
from pitboss.socketio._operation import around, before
from pitboss.socketio._server import ServerHooks, received_from_other_node, with_no_context
from pitboss.socketio._telemetry import Telemetry

__all__ = ["SocketIOInstrumentor"]


class SocketIOInstrumentor(BaseInstrumentor):
    """Wraps `Server`, `AsyncServer`, `Client`, `AsyncClient` and their managers."""

    _hooks = Hooks()

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("python-socketio >= 5.14, < 6",)

    def _instrument(self, **kwargs: Any) -> None:
        telemetry = Telemetry.create(kwargs.get("tracer_provider"), kwargs.get("meter_provider"))
        self._hooks = Hooks()
        self._hooks.when_imported("socketio", lambda socketio: self._wrap(socketio, telemetry))

    def _wrap(self, socketio: Any, telemetry: Telemetry) -> None:
        engineio = importlib.import_module("engineio")
        pubsub = (socketio.PubSubManager, socketio.async_pubsub_manager.AsyncPubSubManager)
        server, client = ServerHooks(telemetry), ClientHooks(telemetry)
        for cls in (socketio.Server, socketio.AsyncServer):
            self._wrap_server(cls, server)
        for cls in (socketio.Manager, socketio.AsyncManager, *pubsub):
            self._hooks.wrap(cls, "emit", around(server.emit))
        for cls in pubsub:
            self._hooks.wrap(cls, "initialize", with_no_context)
            self._hooks.wrap(cls, "_handle_emit", _continue_emission)
            self._hooks.wrap(cls, "_handle_emit", before(server.relay))
        for cls in (socketio.Client, socketio.AsyncClient):
            self._wrap_client(cls, client)
        for cls in (engineio.Client, engineio.AsyncClient):
            self._hooks.wrap(cls, "connect", before(client.handshake))

    def _wrap_server(self, cls: Any, server: ServerHooks) -> None:
        self._hooks.wrap(cls, "_handle_connect", around(server.connect))
        self._hooks.wrap(cls, "_handle_event_internal", around(server.event))
        self._hooks.wrap(cls, "_trigger_event", around(server.trigger))
        self._hooks.wrap(cls, "call", around(server.call))
        self._hooks.wrap(cls, "_send_packet", before(server.send_packet))
        self._hooks.wrap(cls, "_send_eio_packet", before(server.send_transport_packet))
        self._hooks.wrap(cls, "_handle_eio_disconnect", before(server.transport_gone))

    def _wrap_client(self, cls: Any, client: ClientHooks) -> None:
        self._hooks.wrap(cls, "connect", around(client.connect))
        self._hooks.wrap(cls, "_handle_connect", before(client.connected))
        self._hooks.wrap(cls, "_handle_event", around(client.event))
        self._hooks.wrap(cls, "emit", around(client.emit))
        self._hooks.wrap(cls, "call", around(client.call))
        self._hooks.wrap(cls, "_send_packet", before(client.send_packet))

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - upstream's signature
        self._hooks.undo()


def _continue_emission(wrapped: Any, manager: Any, args: Any, kwargs: Any) -> Any:
    """`_handle_emit(message)` of what another node has published: its recipients get that context."""
    received = received_from_other_node(manager, args[0] if args else kwargs["message"])
    if received is None:
        return wrapped(*args, **kwargs)
    if inspect.iscoroutinefunction(wrapped):

        async def run() -> Any:
            token = emission.set(received)
            try:
                return await wrapped(*args, **kwargs)
            finally:
                emission.reset(token)

        return run()
    token = emission.set(received)
    try:
        return wrapped(*args, **kwargs)
    finally:
        emission.reset(token)
