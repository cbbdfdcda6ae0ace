"""Process spans: around what the application does with each record."""

import sys
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, SupportsIndex, overload

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, Span, SpanKind

from pitboss._internal.failure import record_error
from pitboss._internal.guard import guarded
from pitboss._internal.scope import Scope, is_over
from pitboss._internal.semconv import ERROR_TYPE, messaging
from pitboss.kafka import _headers
from pitboss.kafka._telemetry import Client, Telemetry

_OPERATION = "process"
_KEY = otel_context.create_key("pitboss-kafka-processing")


class Processing:
    """One record in the hands of the application; its span is current until `end`."""

    __slots__ = ("_attributes", "_error", "_is_ended", "_scope", "_span", "_started", "_telemetry", "record")

    def __init__(self, telemetry: Telemetry, client: Client, record: Any) -> None:
        self.record = record
        self._telemetry = telemetry
        self._attributes = client.operation(_OPERATION, "process", record.topic)
        self._is_ended = False
        self._error: BaseException | None = None
        self._started = time.perf_counter()
        current = otel_context.get_current()
        context, links = _relation(record, current)
        attributes = {
            **self._attributes,
            **client.spans,
            messaging.MESSAGING_DESTINATION_PARTITION_ID: str(record.partition),
            messaging.MESSAGING_KAFKA_OFFSET: record.offset,
        }
        if record.value is None:
            attributes[messaging.MESSAGING_KAFKA_MESSAGE_TOMBSTONE] = True
        name = f"{_OPERATION} {record.topic}"
        self._span = telemetry.tracer.start_span(name, context, SpanKind.CONSUMER, attributes, links)
        self._scope = Scope(
            otel_context.set_value(_KEY, self, trace.set_span_in_context(self._span, context))
        )

    @property
    def span(self) -> Span:
        return self._span

    @property
    def is_open(self) -> bool:
        return not self._is_ended

    def failed(self, error: BaseException) -> None:
        """Mark the processing as failed; of several errors the first counts."""
        if self._error is None:
            self._error = error

    def end(self) -> None:
        """End the span and make the earlier context current again; may be called more than once."""
        if self._is_ended:
            return
        self._is_ended = True
        with guarded("leaving a process span"):
            self._scope.close()
        with guarded("describing a failed process span"):
            if self._error is not None:
                self._attributes[ERROR_TYPE] = type(self._error).__qualname__
                record_error(self._span, self._error)
        with guarded("ending a process span"):
            self._span.end()
            elapsed = time.perf_counter() - self._started
            context = trace.set_span_in_context(self._span)
            self._telemetry.process_duration.record(elapsed, self._attributes, context)


def _relation(record: Any, current: Context) -> tuple[Context, list[Link]]:
    """Return the context to start in and the links: child of the producer, unless something is going on."""
    bare = trace.set_span_in_context(trace.INVALID_SPAN, current)
    created = _headers.extract(record.headers, bare)
    creation = trace.get_current_span(created).get_span_context()
    links = [Link(creation)] if creation.is_valid else []
    ambient = trace.get_current_span(current)
    if ambient.get_span_context().is_valid and not is_over(current):
        return current, links
    return created if links else bare, links


def start(telemetry: Telemetry, client: Client, record: Any) -> Processing | None:
    """Begin the processing of a record that the application is about to get; None without telemetry."""
    if not is_instrumentation_enabled():
        return None
    with guarded("starting a process span"):
        return Processing(telemetry, client, record)
    return None


class RecordIterator(Iterator[Any]):
    """Iterates records; each one's span is current until the next is asked for, or the loop is left.

    `break`, `return` and an exception are seen because the loop drops its iterator.
    """

    __slots__ = ("_client", "_made_at", "_next", "_processing", "_telemetry")

    def __init__(
        self, telemetry: Telemetry, client: Client, next_record: Callable[[], Any], made_at: object = None
    ) -> None:
        self._telemetry = telemetry
        self._client = client
        self._next = next_record
        self._made_at = made_at
        self._processing: Processing | None = None

    def __iter__(self) -> "RecordIterator":
        return self

    def __next__(self) -> Any:
        self.close()
        record = self._next()
        # Asked for by the very instruction that made the iterator: list(), sorted() or json read it in one
        # go, nothing is processed.
        if self._made_at is None or self._made_at != position(1):
            self._processing = start(self._telemetry, self._client, record)
        return record

    def close(self) -> None:
        """End the span of the record that was handed out last."""
        if self._processing is not None:
            self._processing.end()
            self._processing = None

    def __del__(self) -> None:
        self.close()


def position(depth: int) -> object:
    """Return what identifies the instruction that a caller is at."""
    frame = sys._getframe(depth + 1)  # pyright: ignore[reportPrivateUsage]
    return id(frame), frame.f_lasti


class RecordList(list[Any]):
    """The records of one partition as `poll` returns them: a list whose iteration makes process spans."""

    __slots__ = ("_client", "_telemetry")

    def __init__(self, records: list[Any], telemetry: Telemetry, client: Client) -> None:
        super().__init__(records)
        self._telemetry = telemetry
        self._client = client

    def __iter__(self) -> Iterator[Any]:
        return RecordIterator(self._telemetry, self._client, super().__iter__().__next__, position(1))

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, index: slice, /) -> "RecordList": ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        part = super().__getitem__(index)
        return RecordList(part, self._telemetry, self._client) if isinstance(index, slice) else part

    def __reduce__(self) -> Any:
        return list, (super().__getitem__(slice(None)),)


class ConsumerHooks:
    """The wrappers of `KafkaConsumer`'s methods.

    Args:
        advance: the class's own `__next__`, not wrapped.
    """

    def __init__(self, telemetry: Telemetry, advance: Callable[[Any], Any]) -> None:
        self._telemetry = telemetry
        self._advance = advance
        self._direct: weakref.WeakKeyDictionary[Any, RecordIterator] = weakref.WeakKeyDictionary()

    def iterate(self, wrapped: Any, consumer: Any, args: Any, kwargs: Any) -> Any:
        """`for record in consumer`: an iterator of its own, so that leaving the loop is noticed."""
        iterator = wrapped(*args, **kwargs)
        if iterator is not consumer or _overrides_next(consumer):
            return iterator
        return RecordIterator(self._telemetry, Client.of(consumer), lambda: self._received(consumer))

    def advance(self, wrapped: Any, consumer: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002
        """`next(consumer)`: the span ends with the next call, or when the consumer is closed."""
        iterator = self._direct.get(consumer)
        if iterator is None:
            alive = weakref.ref(consumer)
            iterator = RecordIterator(self._telemetry, Client.of(consumer), lambda: self._received(alive()))
            self._direct[consumer] = iterator
        return next(iterator)

    def poll(self, wrapped: Any, consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what `poll` returns, with lists whose iteration makes spans."""
        update_offsets = kwargs.get("update_offsets", args[2] if len(args) > 2 else True)
        if not update_offsets:  # the iterator's own call
            return wrapped(*args, **kwargs)
        started = time.perf_counter()
        batches = wrapped(*args, **kwargs)
        with guarded("looking at polled records"):
            if batches and is_instrumentation_enabled():
                client = Client.of(consumer)
                self._measure_poll(client, batches, time.perf_counter() - started)
                return {
                    part: RecordList(list(some), self._telemetry, client) for part, some in batches.items()
                }
        return batches

    def close(self, wrapped: Any, consumer: Any, args: Any, kwargs: Any) -> Any:
        """A closed consumer hands out nothing more: what was handed out last has been processed."""
        iterator = self._direct.pop(consumer, None)
        if iterator is not None:
            iterator.close()
        return wrapped(*args, **kwargs)

    def _received(self, consumer: Any) -> Any:
        record = self._advance(consumer)
        with guarded("counting a record"):
            if is_instrumentation_enabled():
                attributes = Client.of(consumer).operation("poll", "receive", record.topic)
                self._telemetry.consumed.add(1, attributes)
        return record

    def _measure_poll(self, client: Client, batches: dict[Any, list[Any]], seconds: float) -> None:
        for part, records in batches.items():
            attributes = client.operation("poll", "receive", part.topic)
            self._telemetry.consumed.add(len(records), attributes)
        self._telemetry.operation_duration.record(seconds, client.operation("poll", "receive", None))


def _overrides_next(consumer: Any) -> bool:
    definition = next(vars(cls) for cls in type(consumer).__mro__ if "__next__" in vars(cls))
    return not hasattr(definition["__next__"], "__wrapped__")


@contextmanager
def processing(
    telemetry: Telemetry, record: Any, client: Client | None = None
) -> Generator[Span, None, None]:
    """Run the body inside the process span of `record`; see `pitboss.kafka.process`."""
    open_one = otel_context.get_value(_KEY)
    if isinstance(open_one, Processing) and open_one.record is record and open_one.is_open:
        try:
            yield open_one.span
        except BaseException as error:
            open_one.failed(error)
            raise
        return
    one = start(telemetry, client or Client.of(None), record)
    if one is None:
        yield trace.INVALID_SPAN
        return
    try:
        yield one.span
    except BaseException as error:
        one.failed(error)
        raise
    finally:
        one.end()
