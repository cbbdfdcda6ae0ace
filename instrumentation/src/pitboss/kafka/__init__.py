"""Keeps Kafka handlers inside the producer's trace (`kafka-python`).

`KafkaInstrumentor` is started by `opentelemetry-instrument`. A record's process span is current in the body
of `for record in consumer` and of a loop over what `poll` returned. An iterator can't see what the body
raises, and knows nothing about hand-offs to threads or tasks: `process` and `extract` are for these.
"""

import functools
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.trace import Span

from pitboss._internal.hooks import Hooks
from pitboss.kafka import _headers
from pitboss.kafka._consumer import ConsumerHooks, processing
from pitboss.kafka._producer import send_wrapper
from pitboss.kafka._telemetry import Telemetry

__all__ = ["KafkaInstrumentor", "extract", "process"]


def extract(record: Any) -> Context:
    """Return the producer's context of a `ConsumerRecord`, empty when it carries none; never raises."""
    return _headers.extract(record.headers)


def process(record: Any) -> AbstractContextManager[Span]:
    """Return a context manager whose body is the processing of `record`.

    An exception of the body is recorded on the span and passed on. Inside a loop over the consumer (or over
    polled records) it is the span that is there already; elsewhere, say in a worker thread, a new one.
    """
    return processing(KafkaInstrumentor.telemetry or _without_instrumentor(), record)


@functools.cache
def _without_instrumentor() -> Telemetry:
    return Telemetry.create()


class KafkaInstrumentor(BaseInstrumentor):
    """Wraps `KafkaProducer` and `KafkaConsumer` of kafka-python."""

    telemetry: Telemetry | None = None
    _hooks = Hooks()

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("kafka-python >= 3.0, < 4.0",)

    def _instrument(self, **kwargs: Any) -> None:
        telemetry = Telemetry.create(kwargs.get("tracer_provider"), kwargs.get("meter_provider"))
        KafkaInstrumentor.telemetry = telemetry
        self._hooks = Hooks()
        self._hooks.when_imported("kafka", lambda kafka: self._wrap(kafka, telemetry))

    def _wrap(self, kafka: Any, telemetry: Telemetry) -> None:
        consumer = ConsumerHooks(telemetry, kafka.KafkaConsumer.__next__)
        self._hooks.wrap(kafka.KafkaProducer, "send", send_wrapper(telemetry))
        self._hooks.wrap(kafka.KafkaConsumer, "__iter__", consumer.iterate)
        self._hooks.wrap(kafka.KafkaConsumer, "__next__", consumer.advance)
        self._hooks.wrap(kafka.KafkaConsumer, "poll", consumer.poll)
        self._hooks.wrap(kafka.KafkaConsumer, "close", consumer.close)

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - upstream's signature
        self._hooks.undo()
        KafkaInstrumentor.telemetry = None
