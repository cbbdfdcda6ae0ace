"""Producer spans: from `send` to the broker's acknowledgement."""

import time
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, Span, SpanKind

from pitboss._internal.failure import record_error
from pitboss._internal.guard import guarded
from pitboss._internal.semconv import ERROR_TYPE, messaging
from pitboss.kafka import _headers
from pitboss.kafka._telemetry import Attributes, Client, Telemetry

_OPERATION = "send"
_POSITIONAL = ("topic", "value", "key", "headers", "partition", "timestamp_ms")
_HEADERS_SINCE = (0, 11)


def send_wrapper(telemetry: Telemetry) -> Callable[..., Any]:
    """Return the wrapper of `KafkaProducer.send`."""

    def send(
        wrapped: Callable[..., Any], producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not is_instrumentation_enabled():
            return wrapped(*args, **kwargs)
        sending: _Sending | None = None
        call = (args, kwargs)
        with guarded("starting a send span"):
            sending = _Sending(telemetry, producer, args, kwargs)
            call = ((), sending.arguments)
        try:
            future = wrapped(*call[0], **call[1])
        except BaseException as error:
            if sending is not None:
                sending.failed(error)
            raise
        if sending is not None:
            with guarded("waiting for the acknowledgement"):
                # They run on the producer's own thread; already completed futures call at once.
                future.add_callback(sending.acknowledged)
                future.add_errback(sending.failed)
        return future

    return send


class _Sending:
    """One message on its way to the broker."""

    __slots__ = ("_attributes", "_span", "_started", "_telemetry", "arguments")

    def __init__(
        self, telemetry: Telemetry, producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        arguments = {**dict(zip(_POSITIONAL, args, strict=False)), **kwargs}
        if len(args) > len(_POSITIONAL) or len(arguments) != len(args) + len(kwargs):
            raise TypeError("the call is wrong: let the producer say so")
        topic, headers = arguments["topic"], arguments.get("headers")
        client = Client.of(producer)
        self._telemetry = telemetry
        self._attributes: Attributes = client.operation(_OPERATION, "send", str(topic))
        self._started = time.perf_counter()
        self._span = _start_span(telemetry, self._attributes, client, arguments)
        self.arguments = arguments
        if (
            _takes_headers(producer)
            and isinstance(headers, list | None)
            and not _headers.carries_context(headers)
        ):
            context = trace.set_span_in_context(self._span, get_current())
            self.arguments = {**arguments, "headers": _headers.injected(headers, context)}

    def acknowledged(self, metadata: Any) -> None:
        """The broker has it (or, with acks=0, it was written to the socket)."""
        with guarded("ending a send span"):
            if self._span.is_recording():
                self._span.set_attribute(
                    messaging.MESSAGING_DESTINATION_PARTITION_ID, str(metadata.partition)
                )
                if metadata.offset is not None and metadata.offset >= 0:
                    self._span.set_attribute(messaging.MESSAGING_KAFKA_OFFSET, metadata.offset)
            self._end()

    def failed(self, error: BaseException) -> None:
        """`send` raised, or the broker refused the message or never answered."""
        with guarded("describing a failed send span"):
            self._attributes[ERROR_TYPE] = type(error).__qualname__
            record_error(self._span, error)
        with guarded("ending a send span"):
            self._end()

    def _end(self) -> None:
        self._span.end()
        context = trace.set_span_in_context(self._span)
        self._telemetry.sent.add(1, self._attributes, context)
        elapsed = time.perf_counter() - self._started
        self._telemetry.operation_duration.record(elapsed, self._attributes, context)


def _start_span(telemetry: Telemetry, common: Attributes, client: Client, arguments: dict[str, Any]) -> Span:
    attributes = {**common, **client.spans}
    if arguments.get("value") is None:
        attributes[messaging.MESSAGING_KAFKA_MESSAGE_TOMBSTONE] = True
    if arguments.get("partition") is not None:
        attributes[messaging.MESSAGING_DESTINATION_PARTITION_ID] = str(arguments["partition"])
    links: list[Link] = []
    kind = SpanKind.PRODUCER
    if _headers.carries_context(arguments.get("headers")):
        # Somebody else's creation context must stay: this span only sends what they created.
        kind = SpanKind.CLIENT
        creation = trace.get_current_span(_headers.extract(arguments["headers"])).get_span_context()
        links = [Link(creation)] if creation.is_valid else []
    name = f"{_OPERATION} {arguments['topic']}"
    return telemetry.tracer.start_span(name, kind=kind, attributes=attributes, links=links)


def _takes_headers(producer: Any) -> bool:
    version = producer.config.get("api_version")
    return not isinstance(version, tuple) or version >= _HEADERS_SINCE
