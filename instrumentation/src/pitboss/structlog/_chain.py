"""structlog's processors: the default chain, and what is added to an application's own."""

import logging
import sys
from collections.abc import Callable, Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any, cast

import structlog
import wrapt
from structlog.contextvars import merge_contextvars

from pitboss._internal.guard import guarded
from pitboss.structlog import _json
from pitboss.structlog._export import Exporter, severity_of_method, trace_fields
from pitboss.structlog._schema import compose, exception_fields, service_fields

EventDict = MutableMapping[str, Any]
Processor = Callable[[Any, str, EventDict], Any]

# What structlog hands to the standard library has been exported already.
_handed_over: ContextVar[object] = ContextVar("pitboss-structlog-handed-over", default=None)


def was_exported(message: object) -> bool:
    """Say (once) whether a record's message is what structlog's chain has just returned."""
    if message is None or message is not _handed_over.get():
        return False
    _handed_over.set(None)
    return True


def add_trace_fields(logger: Any, method: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Add trace_id, span_id and trace_flags of the current span; the application's own values stay."""
    with guarded("adding trace fields"):
        for name, value in trace_fields().items():
            event_dict.setdefault(name, value)
    return event_dict


class JSONLine:
    """The renderer of the default chain: one line of JSON in Pitboss's schema, as bytes."""

    def __call__(self, logger: Any, method: str, event_dict: EventDict) -> bytes:
        return _json.line(to_fields(logger, method, event_dict))


def to_fields(logger: Any, method: str, event_dict: EventDict) -> dict[str, Any]:
    """Return the fields of the line for an event of structlog's."""
    fields = {
        key: value for key, value in event_dict.items() if key not in {"event", "exc_info", "stack_info"}
    }
    exc_info = event_dict.get("exc_info")
    if exc_info is None and method == "exception":
        exc_info = True
    fields.update(exception_fields(exc_info))
    if "logger" not in fields and (name := getattr(logger, "name", None)):
        fields["logger"] = name
    return compose(
        _json.text(event_dict.get("event", "")), severity_of_method(method), fields, service_fields()
    )


class ExportingRenderer(wrapt.ObjectProxy[Processor]):
    """The last processor of a chain; what it returns is exported as it is printed.

    A proxy, so that code that looks at its chain (`isinstance(processors[-1], JSONRenderer)`, or an insert
    before the last) finds what it has put there.
    """

    def __init__(self, renderer: Processor, exporter: Exporter) -> None:
        super().__init__(renderer)
        self._self_exporter = exporter

    def __call__(self, logger: Any, method: str, event_dict: EventDict) -> Any:
        exporter: Exporter = self._self_exporter
        fields: dict[str, Any] | None = None
        with guarded("looking at a log event"):
            if exporter.wants(_json.text(event_dict.get("logger", ""))) and _is_enabled(logger, method):
                fields = to_fields(logger, method, event_dict)
        if fields is not None and type(self.__wrapped__) is JSONLine:
            rendered: Any = _json.line(fields)
        else:
            rendered = self.__wrapped__(logger, method, event_dict)  # may raise DropEvent
        if fields is not None:
            with guarded("exporting a log event"):
                exporter.emit(_body(rendered, fields), severity_of_method(method), fields)
                if isinstance(logger, logging.Logger):
                    _handed_over.set(_message(rendered))
        return rendered


def _is_enabled(logger: Any, method: str) -> bool:
    # The standard library drops it only after rendering.
    return not isinstance(logger, logging.Logger) or logger.isEnabledFor(severity_of_method(method).level)


def _body(rendered: Any, fields: dict[str, Any]) -> str | bytes:
    if isinstance(rendered, str | bytes) and rendered[:1] in {"{", b"{"} and len(rendered) <= _json.MAX_LINE:
        return rendered
    return _json.line(fields)  # a console's line is for people; Grafana gets JSON


def _message(rendered: Any) -> object:
    """Return what `record.msg` will be when the logger is one of the standard library's."""
    if isinstance(rendered, tuple):  # ((message,), {...}): ProcessorFormatter.wrap_for_formatter
        arguments = cast("tuple[tuple[object, ...], object]", rendered)[0]
        return arguments[0] if arguments else None
    if isinstance(rendered, dict):  # render_to_log_kwargs
        return cast("dict[str, object]", rendered).get("msg")
    return rendered


class Chain:
    """Adds Pitboss's part to processors, and knows the default configuration."""

    def __init__(self, exporter: Exporter, level: int) -> None:
        self._exporter = exporter
        self._level = level

    def extended(self, processors: Iterable[Processor] | None) -> Any:
        """Return the processors with trace fields first and export around the last; once is enough."""
        if processors is None:
            return None
        chain = list(processors)
        if not chain or isinstance(chain[-1], ExportingRenderer):
            return processors
        return [add_trace_fields, *chain[:-1], ExportingRenderer(chain[-1], self._exporter)]

    def defaults(self) -> dict[str, Any]:
        """Return structlog's configuration for an application that has none."""
        return {
            "processors": self.extended([merge_contextvars, JSONLine()]),
            "wrapper_class": structlog.make_filtering_bound_logger(self._level),
            "context_class": dict,
            "logger_factory": LineLogger,
            "cache_logger_on_first_use": True,
        }


class LineLogger:
    """Writes lines to standard output as bytes, also where it was replaced by a text stream."""

    def __init__(self, *args: Any) -> None:
        self.name = str(args[0]) if args else ""

    def msg(self, message: str | bytes) -> None:
        data = message if isinstance(message, bytes) else str(message).encode("utf-8", "backslashreplace")
        stream = sys.stdout
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            stream.write(data.decode() + "\n")
        else:
            buffer.write(data + b"\n")
        stream.flush()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg
