"""Fixtures of the package's unit tests: in-memory telemetry, set back after each test."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.test.globals_test import reset_logging_globals, reset_metrics_globals, reset_trace_globals


@dataclass
class Spans:
    """The spans that the test has ended."""

    exporter: InMemorySpanExporter

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """Return the only span of that name."""
        (span,) = (span for span in self.all if span.name == name)
        return span

    def tree(self) -> dict[str, Any]:
        """Return the spans as nested dictionaries by name; one with a parent elsewhere is a root."""
        by_id = {span.context.span_id: span for span in self.all if span.context}
        children: dict[int | None, list[ReadableSpan]] = {}
        for span in self.all:
            parent = span.parent.span_id if span.parent and span.parent.span_id in by_id else None
            children.setdefault(parent, []).append(span)

        def below(parent: int | None) -> dict[str, Any]:
            found = sorted(children.get(parent, []), key=lambda span: span.start_time or 0)
            return {span.name: below(span.context.span_id if span.context else None) for span in found}

        return below(None)


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Every span of the test, with its provider set globally."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    reset_trace_globals()
    trace.set_tracer_provider(provider)
    yield Spans(exporter)
    provider.shutdown()
    reset_trace_globals()


@dataclass
class Measurements:
    """What the test's instruments measured."""

    reader: InMemoryMetricReader

    def points(self, name: str) -> list[Any]:
        """Return the data points of one metric (an empty list when it was never used)."""
        data = self.reader.get_metrics_data()
        scopes = (
            [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        )
        found = [metric for scope in scopes for metric in scope.metrics if metric.name == name]
        return [point for metric in found for point in metric.data.data_points]


@pytest.fixture
def measurements() -> Iterator[Measurements]:
    """The measurements of the test, with their provider set globally."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    reset_metrics_globals()
    metrics.set_meter_provider(provider)
    yield Measurements(reader)
    provider.shutdown()
    reset_metrics_globals()


@pytest.fixture
def records() -> Iterator[InMemoryLogRecordExporter]:
    """The exporter that receives every log record of the test, with its provider set globally."""
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    reset_logging_globals()
    _logs.set_logger_provider(provider)
    yield exporter
    provider.shutdown()
    reset_logging_globals()
