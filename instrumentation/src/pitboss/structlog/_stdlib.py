"""The standard library's log records (uvicorn's, kafka-python's): JSON lines as well, each exported once."""

import logging
import logging.config
import sys
import time
from collections.abc import Callable
from typing import Any

from pitboss._internal.guard import guarded
from pitboss._internal.hooks import Hooks
from pitboss._internal.redaction import redacted_url
from pitboss.health import PATHS
from pitboss.structlog import _json
from pitboss.structlog._chain import was_exported
from pitboss.structlog._export import Exporter, severity_of_level
from pitboss.structlog._schema import compose, exception_fields, service_fields

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
_REPEAT_AFTER = 60.0  # seconds
_REPEATS_KNOWN = 1000


def to_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of the line for a record."""
    fields: dict[str, Any] = {"logger": record.name}
    fields.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
    fields.update(exception_fields(record.exc_info))
    severity = severity_of_level(record.levelno)
    return compose(_text(record), severity, fields, service_fields(), record.created)


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - wrong arguments of a log call
        return f"{record.msg} {record.args}"


class JSONFormatter(logging.Formatter):
    """Formats a record as a line of JSON; what structlog has rendered already stays as it is."""

    def format(self, record: logging.LogRecord) -> str:
        line: str | bytes | None = getattr(record, "_pitboss_line", None)
        if line is None:
            line = _json.line(to_fields(record))
        return line.decode() if isinstance(line, bytes) else line


class StandardLibrary:
    """What is done to `logging`, and undone."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._hooks = Hooks()
        self._handler = logging.StreamHandler(_Stdout())
        self._handler.setFormatter(JSONFormatter())
        self._reformatted: list[tuple[logging.Handler, logging.Formatter | None]] = []
        self._last_said: dict[tuple[str, str], float] = {}

    def instrument(self) -> None:
        """Take over: one hook where every record passes once, one where handlers are configured."""
        self._hooks.wrap(logging.Logger, "callHandlers", self._call_handlers)
        for module, name in (
            (logging, "basicConfig"),
            (logging.config, "dictConfig"),
            (logging.config, "fileConfig"),
        ):
            self._hooks.wrap(module, name, self._configure)
        self._adopt()

    def uninstrument(self) -> None:
        """Put everything back."""
        self._hooks.undo()
        logging.getLogger().removeHandler(self._handler)
        for handler, formatter in self._reformatted:
            handler.setFormatter(formatter)
        self._reformatted.clear()

    def _call_handlers(self, wrapped: Callable[..., Any], logger: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002
        record: logging.LogRecord = args[0]
        if _is_probe(record) or self._is_repetition(record):
            return None
        with guarded("exporting a log record"):
            _redact(record)
            self._prepare(record)
        return wrapped(*args, **kwargs)

    def _prepare(self, record: logging.LogRecord) -> None:
        if was_exported(record.msg):
            if isinstance(record.msg, str | bytes) and not record.args:
                record._pitboss_line = record.msg  # pyright: ignore
            return
        fields = to_fields(record)
        line = _json.line(fields)
        if not isinstance(record.msg, dict):  # a ProcessorFormatter of the application's renders that
            record._pitboss_line = line  # pyright: ignore
        if self._exporter.wants(record.name):
            self._exporter.emit(line, severity_of_level(record.levelno), fields)

    def _is_repetition(self, record: logging.LogRecord) -> bool:
        # A collector that is down makes the exporters say the same again and again.
        if not record.name.startswith("opentelemetry.") or record.levelno < logging.WARNING:
            return False
        key, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._last_said.get(key, float("-inf")) < _REPEAT_AFTER:
            return True
        if len(self._last_said) >= _REPEATS_KNOWN:
            self._last_said.clear()
        self._last_said[key] = now
        return False

    def _configure(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002
        # Away meanwhile: basicConfig does nothing where a handler is, dictConfig closes what it finds.
        logging.getLogger().removeHandler(self._handler)
        try:
            return wrapped(*args, **kwargs)
        finally:
            self._adopt()

    def _adopt(self) -> None:
        """Make the console's handlers write JSON, and have one where there is none."""
        root = logging.getLogger()
        if not root.handlers:
            root.addHandler(self._handler)
        named = [
            logger
            for logger in logging.root.manager.loggerDict.values()
            if isinstance(logger, logging.Logger)
        ]
        for handler in [handler for logger in (root, *named) for handler in logger.handlers]:
            if _is_console(handler) and _is_plain(handler.formatter):
                self._reformatted.append((handler, handler.formatter))
                handler.setFormatter(JSONFormatter())


class _Stdout:
    """Standard output, whatever it is at the moment."""

    def write(self, text: str) -> Any:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _is_console(handler: logging.Handler) -> bool:
    console = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    stream: object = getattr(handler, "stream", None)  # pyright: ignore[reportUnknownArgumentType]
    return stream is not None and stream in console and not isinstance(handler, logging.FileHandler)


def _is_plain(formatter: logging.Formatter | None) -> bool:
    """Say whether nobody has chosen a format: none, the basic class, or uvicorn's coloured ones."""
    if formatter is None or type(formatter) is logging.Formatter:
        return True
    return type(formatter).__module__ == "uvicorn.logging"


def _redact(record: logging.LogRecord) -> None:
    # uvicorn logs the path of each request and each websocket with its query.
    if record.name.startswith("uvicorn.") and isinstance(record.args, tuple):
        record.args = tuple(
            redacted_url(value) if isinstance(value, str) and "?" in value else value for value in record.args
        )


def _is_probe(record: logging.LogRecord) -> bool:
    # (client, method, path, version, status): a scheduler's successful question every two seconds is no news.
    if record.name != "uvicorn.access" or not isinstance(record.args, tuple) or len(record.args) != 5:
        return False
    return str(record.args[2]).partition("?")[0] in PATHS and record.args[4] == 200
