"""The server's side: connect, events, emit, call, disconnect, and what goes to other nodes."""

import time
import weakref
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind

from pitboss._internal.guard import guarded
from pitboss._internal.scope import Scope
from pitboss._internal.semconv import ERROR_TYPE
from pitboss._internal.trust import parent_of_own_sampling, span_context, traceparent
from pitboss.socketio import _carrier
from pitboss.socketio._emission import CONNECT, Emission, add_to_event, emission
from pitboss.socketio._operation import Call, Operation
from pitboss.socketio._telemetry import (
    EVENT_NAME,
    NAMESPACE,
    OTHER,
    REASON,
    Attributes,
    Telemetry,
    attributes_of,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """One client in one namespace: what its later spans link to, and since when (`time.perf_counter`)."""

    context: SpanContext
    since: float
    attributes: Attributes


@dataclass(slots=True)
class Peers:
    """What is known about the clients of one server.

    Attributes:
        connections: by session id (a client has one per namespace).
        negotiated: the namespaces in which a transport session agreed on the carrier.
    """

    connections: dict[str, Connection] = field(default_factory=dict[str, Connection])
    negotiated: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def carry(self, eio_sid: str, namespace: str) -> bool:
        """Say whether this client reads and writes the carrier."""
        return namespace in self.negotiated.get(eio_sid, ())


class ServerHooks:
    """The wrappers of `Server`'s and `AsyncServer`'s methods."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._peers: weakref.WeakKeyDictionary[Any, Peers] = weakref.WeakKeyDictionary()

    def peers(self, server: Any) -> Peers:
        return self._peers.setdefault(server, Peers())

    def connect(self, call: Call) -> Operation:
        """`_handle_connect(eio_sid, namespace, data)`: a short span, in the trace of the handshake."""
        server, eio_sid = call.instance, call.argument(0, "eio_sid")
        namespace = call.argument(1, "namespace") or "/"
        known = _known_namespace(server, namespace)
        name = f"connect {known}"
        handshake = _carrier.of_handshake(server.environ.get(eio_sid) or {})

        def finish(operation: Operation) -> None:
            sid = server.manager.sid_from_eio_sid(eio_sid, namespace)
            if sid is None or not server.manager.is_connected(sid, namespace):
                operation.span.set_attribute(ERROR_TYPE, "connection_refused")
                return
            attributes: Attributes = {NAMESPACE: known}
            connection = Connection(operation.span_context, time.perf_counter(), attributes)
            self.peers(server).connections[sid] = connection
            self._telemetry.active_connections.add(1, attributes)

        # Without the handshake's context it is a root: the request around it is the endless websocket.
        context = parent_of_own_sampling(handshake, name) if handshake else Context()
        attributes = attributes_of("connect", "receive", known)
        return Operation(self._telemetry, name, SpanKind.SERVER, attributes, context=context, finish=finish)

    def event(self, call: Call) -> Operation:
        """`_handle_event_internal(server, sid, eio_sid, data, namespace, id)`, in the event's own task."""
        server, sid, eio_sid, data, namespace, *rest = call.args
        sent_by: SpanContext | None = None
        if self.peers(server).carry(eio_sid, namespace):
            data, sent_by = _carrier.split(data)
            call.args = (server, sid, eio_sid, data, namespace, *rest)
        known, event = _known_namespace(server, namespace), _known_event(server, namespace, data[0])
        name = f"process {known} {event}"
        attributes = attributes_of("process", "process", known, event)
        measured: Attributes = {NAMESPACE: known, EVENT_NAME: event}

        def finish(operation: Operation) -> None:
            if operation.error is not None:
                measured[ERROR_TYPE] = type(operation.error).__qualname__
            context = trace.set_span_in_context(operation.span)
            self._telemetry.event_duration.record(operation.seconds, measured, context)

        connection = self.peers(server).connections.get(sid)
        link = connection.context if connection else None
        context = parent_of_own_sampling(sent_by, name) if sent_by else Context()
        return Operation(
            self._telemetry, name, SpanKind.CONSUMER, attributes, context=context, link=link, finish=finish
        )

    def trigger(self, call: Call) -> Operation | None:
        """`_trigger_event('disconnect', namespace, sid, reason)`: whoever ended the connection."""
        if call.argument(0, "event") != "disconnect":
            return None
        server, (namespace, sid, *reason) = call.instance, call.args[1:]
        connection = self.peers(server).connections.pop(sid, None)
        known = _known_namespace(server, namespace)
        why = str(reason[0]) if reason else OTHER
        if connection is not None:
            self._telemetry.active_connections.add(-1, connection.attributes)
            seconds = time.perf_counter() - connection.since
            self._telemetry.connection_duration.record(seconds, {**connection.attributes, REASON: why})
        attributes = {**attributes_of("disconnect", "settle", known), REASON: why}
        # By a handler of the server it is part of what happens there; otherwise nothing has caused it.
        context = None if reason and reason[0] == server.reason.SERVER_DISCONNECT else Context()
        link = connection.context if connection else None
        return Operation(
            self._telemetry, f"disconnect {known}", SpanKind.INTERNAL, attributes, context=context, link=link
        )

    def transport_gone(self, call: Call) -> None:
        """`_handle_eio_disconnect(eio_sid, reason)`: forget what was agreed with that transport."""
        eio_sid = call.argument(0, "eio_sid")
        self.peers(call.instance).negotiated.pop(eio_sid, None)

    def call(self, call: Call) -> Operation:
        """`call(event, ..., namespace=)`: emits and waits for the acknowledgement."""
        event, namespace = str(call.argument(0, "event")), call.argument(4, "namespace") or "/"
        attributes = attributes_of("call", "send", namespace, event)
        return Operation(self._telemetry, f"call {namespace} {event}", SpanKind.CLIENT, attributes)

    def emit(self, call: Call) -> Operation | None:
        """A manager's `emit(event, data, namespace)`: one span, however many recipients and layers."""
        if emission.get() is not None:
            return None
        event, namespace = str(call.argument(0, "event")), call.argument(2, "namespace") or "/"
        attributes = attributes_of("emit", "send", namespace, event)
        operation = Operation(self._telemetry, f"emit {namespace} {event}", SpanKind.PRODUCER, attributes)
        operation.also_set(emission, Emission(namespace, operation.span_context))
        return operation

    def relay(self, call: Call) -> None:
        """A pub/sub manager's `_handle_emit(message)`, before the message is published to other nodes."""
        message, sending = call.argument(0, "message"), emission.get()
        if sending is not None and message.get("host_id") == call.instance.host_id:
            message[_carrier.CAPABILITY] = {"traceparent": traceparent(sending.context)}

    def send_packet(self, call: Call) -> None:
        """`_send_packet(eio_sid, packet)`: an event with acknowledgement, or the reply to CONNECT."""
        server, eio_sid, packet = call.instance, call.argument(0, "eio_sid"), call.argument(1, "pkt")
        namespace = packet.namespace or "/"
        if packet.packet_type == CONNECT:
            if _carrier.announces(server.environ.get(eio_sid) or {}):
                packet.data = {**packet.data, _carrier.CAPABILITY: 1}
                self.peers(server).negotiated.setdefault(eio_sid, set()).add(namespace)
            return
        sending = emission.get()
        if sending is not None and self.peers(server).carry(eio_sid, namespace):
            add_to_event(packet, sending.context)

    def send_transport_packet(self, call: Call) -> None:
        """`_send_eio_packet(eio_sid, packet)`: an event that was encoded once for all recipients."""
        server, eio_sid, packet = call.instance, call.argument(0, "eio_sid"), call.argument(1, "eio_pkt")
        sending = emission.get()
        if sending is not None and self.peers(server).carry(eio_sid, sending.namespace):
            call.args, call.kwargs = (eio_sid, sending.transport_packet(packet)), {}


def received_from_other_node(manager: Any, message: Any) -> Emission | None:
    """Return the emission of a message that another node has published; None for our own."""
    with guarded("reading a message of another node"):
        carried: Any = message.get(_carrier.CAPABILITY)
        if message.get("host_id") == manager.host_id or not carried:
            return None
        context = span_context(carried.get("traceparent"))
        return Emission(message.get("namespace") or "/", context) if context else None
    return None


def with_no_context(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    """`initialize()` of a pub/sub manager starts its listener inside the first client's connection.

    Without this everything that other nodes send would belong to the first visitor's trace, for ever.
    """
    scope = Scope(Context())
    try:
        return wrapped(*args, **kwargs)
    finally:
        scope.close()


def _known_namespace(server: Any, namespace: str) -> str:
    # Not where the server takes every namespace ("*"): clients choose their names then.
    named: Any = () if server.namespaces == "*" else server.namespaces
    known = namespace in server.handlers or namespace in server.namespace_handlers or namespace in named
    return namespace if known or namespace == "/" else OTHER


def _known_event(server: Any, namespace: str, event: Any) -> str:
    """Return the event's name where a handler is registered for it: clients can send any name."""
    if not isinstance(event, str):
        return OTHER
    if event in server.handlers.get(namespace, {}) and event != "*":
        return event
    handler = server.namespace_handlers.get(namespace)
    return event if handler is not None and callable(getattr(handler, f"on_{event}", None)) else OTHER
