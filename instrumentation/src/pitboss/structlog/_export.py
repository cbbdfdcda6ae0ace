"""Hands a finished log line to OpenTelemetry, once."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber, get_logger
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from pitboss import __version__
from pitboss.structlog._json import attribute

TRACE_FIELDS = ("trace_id", "span_id", "trace_flags")
# They are fields of the record itself, or of its resource.
_NOT_ATTRIBUTES = {
    *TRACE_FIELDS,
    *("ts", "timestamp", "severity", "level", "event", "event.name", "exc_info", "stack_info"),
    *("service.name", "service.version", "env"),
}

_MAX_ATTRIBUTES = 100  # the SDK's limit is 128


@dataclass(frozen=True, slots=True)
class Severity:
    """OpenTelemetry's short name and number, and the standard library's level."""

    text: str
    number: SeverityNumber
    level: int


_BY_METHOD = {
    "debug": Severity("DEBUG", SeverityNumber.DEBUG, logging.DEBUG),
    "info": Severity("INFO", SeverityNumber.INFO, logging.INFO),
    "warning": Severity("WARN", SeverityNumber.WARN, logging.WARNING),
    "error": Severity("ERROR", SeverityNumber.ERROR, logging.ERROR),
    "critical": Severity("FATAL", SeverityNumber.FATAL, logging.CRITICAL),
}
_ALIASES = {"warn": "warning", "exception": "error", "err": "error", "fatal": "critical", "failure": "error"}


def severity_of_method(name: str) -> Severity:
    """Return the severity of a logger's method; unknown ones (`msg`, `log`) are INFO."""
    name = name.lower()
    return _BY_METHOD.get(_ALIASES.get(name, name), _BY_METHOD["info"])


def severity_of_level(level: int) -> Severity:
    """Return the severity of a level of the standard library."""
    return next((s for s in reversed(_BY_METHOD.values()) if level >= s.level), _BY_METHOD["debug"])


def trace_fields() -> dict[str, str]:
    """Return the current span's ids for a log line, empty when there is no span.

    Names: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
    """
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {
        "trace_id": format(context.trace_id, "032x"),
        "span_id": format(context.span_id, "016x"),
        "trace_flags": format(context.trace_flags, "02x"),
    }


class Exporter:
    """Emits log records whose body is the printed line."""

    def __init__(self, provider: LoggerProvider | None = None) -> None:
        self._logger: Logger = get_logger("pitboss.structlog", __version__, provider)
        self._busy = threading.local()

    def wants(self, logger_name: str = "") -> bool:
        """Say whether a record would go anywhere, and may."""
        if getattr(self._busy, "now", False) or logger_name.split(".", 1)[0] == "opentelemetry":
            return False
        return is_instrumentation_enabled() and self._logger.enabled()

    def emit(self, line: str | bytes, severity: Severity, fields: Mapping[str, Any]) -> None:
        """Emit one record.

        Args:
            line: what was printed.
            severity: of the record.
            fields: what was logged; what is no part of the record itself becomes its attributes.
        """
        self._busy.now = True
        try:
            attributes: dict[str, Any] = {}
            for name, value in fields.items():
                if len(attributes) == _MAX_ATTRIBUTES:
                    break  # the SDK would drop the oldest, which identify the record
                if name not in _NOT_ATTRIBUTES and (converted := attribute(value)) is not None:
                    attributes[str(name)] = converted
            name = fields.get("event.name")
            now = time.time_ns()
            record = LogRecord(
                timestamp=now,
                observed_timestamp=now,
                context=otel_context.get_current(),
                severity_text=severity.text,
                severity_number=severity.number,
                body=line.decode("utf-8", "replace") if isinstance(line, bytes) else line,
                attributes=attributes,
                event_name=name if isinstance(name, str) else None,
            )
            self._logger.emit(record)
        finally:
            self._busy.now = False
