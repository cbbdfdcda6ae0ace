"""The Python client's side: connect, events, emit, call."""

import weakref
from contextvars import ContextVar
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanContext, SpanKind

from pitboss._internal.scope import is_over
from pitboss._internal.trust import parent, traceparent
from pitboss.socketio import _carrier
from pitboss.socketio._emission import Emission, add_to_event, emission
from pitboss.socketio._operation import Call, Operation
from pitboss.socketio._telemetry import Telemetry, attributes_of

_connecting: ContextVar[SpanContext | None] = ContextVar("pitboss-socketio-connecting", default=None)


class ClientHooks:
    """The wrappers of `Client`'s and `AsyncClient`'s methods."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._negotiated: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()

    def connect(self, call: Call) -> Operation:
        """`connect(url, ...)`: until the namespaces are connected, or the attempt has failed."""
        self._negotiated.pop(call.instance, None)
        attributes = attributes_of("connect", "send", "/")
        # A reconnection runs in what is left of the first connection's context.
        context = Context() if is_over(get_current()) else None
        operation = Operation(self._telemetry, "connect", SpanKind.CLIENT, attributes, context=context)
        operation.also_set(_connecting, operation.span_context)
        return operation

    def handshake(self, call: Call) -> None:
        """engine.io's `connect(url, headers, ...)`: announce the carrier, and give the connect span."""
        connecting = _connecting.get()
        if connecting is None:
            return
        given: dict[str, str] = call.argument(1, "headers") or {}
        headers = {**given, _carrier.HEADER: "1"}
        if connecting.is_valid and not any(name.lower() == "traceparent" for name in headers):
            headers["traceparent"] = traceparent(connecting)
        url = call.argument(0, "url")
        rest = {name: value for name, value in call.kwargs.items() if name not in {"url", "headers"}}
        call.args, call.kwargs = (url, headers, *call.args[2:]), rest

    def connected(self, call: Call) -> None:
        """`_handle_connect(namespace, data)`: the server's answer."""
        namespace, data = call.argument(0, "namespace") or "/", call.argument(1, "data")
        if isinstance(data, dict) and data.get(_carrier.CAPABILITY) == 1:  # pyright: ignore[reportUnknownMemberType]
            self._negotiated.setdefault(call.instance, set()).add(namespace)

    def event(self, call: Call) -> Operation:
        """`_handle_event(namespace, id, data)`: the handler is a child of the server's emit."""
        namespace, number, data = (
            call.argument(0, "namespace"),
            call.argument(1, "id"),
            call.argument(2, "data"),
        )
        name = namespace or "/"
        sent_by: SpanContext | None = None
        if name in self._negotiated.get(call.instance, ()):
            data, sent_by = _carrier.split(data)
            call.args, call.kwargs = (namespace, number, data), {}
        event = str(data[0])
        attributes = attributes_of("process", "process", name, event)
        context = parent(sent_by) if sent_by else Context()
        return Operation(
            self._telemetry, f"process {name} {event}", SpanKind.CONSUMER, attributes, context=context
        )

    def emit(self, call: Call) -> Operation:
        """`emit(event, data, namespace, callback)`."""
        event, namespace = str(call.argument(0, "event")), call.argument(2, "namespace") or "/"
        attributes = attributes_of("emit", "send", namespace, event)
        operation = Operation(self._telemetry, f"emit {namespace} {event}", SpanKind.PRODUCER, attributes)
        operation.also_set(emission, Emission(namespace, operation.span_context))
        return operation

    def call(self, call: Call) -> Operation:
        """`call(event, data, namespace, timeout)`."""
        event, namespace = str(call.argument(0, "event")), call.argument(2, "namespace") or "/"
        attributes = attributes_of("call", "send", namespace, event)
        return Operation(self._telemetry, f"call {namespace} {event}", SpanKind.CLIENT, attributes)

    def send_packet(self, call: Call) -> None:
        """`_send_packet(packet)`."""
        packet, sending = call.argument(0, "pkt"), emission.get()
        namespace = packet.namespace or "/"
        if sending is not None and namespace in self._negotiated.get(call.instance, ()):
            add_to_event(packet, sending.context)
