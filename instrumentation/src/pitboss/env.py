"""Every environment variable that Pitboss reads or gives a default, declared once.

The table in README.md is made from these declarations (`python -m pitboss.env`), a test compares the two.
"""

import logging
import os
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_log = logging.getLogger(__name__)

T = TypeVar("T")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError("must be a number of seconds, 0 or more")
    return value


def _level(text: str) -> int:
    levels = logging.getLevelNamesMapping()
    if text.upper() not in levels:
        raise ValueError(f"must be one of {', '.join(levels)}")
    return levels[text.upper()]


@dataclass(frozen=True, slots=True)
class Variable(Generic[T]):
    """A variable that Pitboss reads.

    Attributes:
        name: as in the environment.
        type: for the documentation.
        parse: text to value; raises ValueError with what is expected.
        default: text that is parsed when the variable is unset, empty or wrong.
        meaning: one sentence.
    """

    name: str
    type: str
    parse: Callable[[str], T]
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Default:
    """A variable of OpenTelemetry's for which Pitboss chooses another default; the user's value wins."""

    name: str
    value: str
    meaning: str


SHUTDOWN_TIMEOUT = Variable(
    "PITBOSS_SHUTDOWN_TIMEOUT",
    "seconds",
    _seconds,
    "5",
    "The longest that the end of the process waits for its telemetry to be sent, all signals together.",
)
LOG_LEVEL = Variable(
    "PITBOSS_LOG_LEVEL",
    "level name",
    _level,
    "INFO",
    "Lowest level that structlog's default chain lets through; who configures structlog decides there.",
)

VARIABLES: tuple[Variable[Any], ...] = (SHUTDOWN_TIMEOUT, LOG_LEVEL)

DEFAULTS = (
    Default("OTEL_TRACES_EXPORTER", "otlp", "Spans leave by OTLP."),
    Default("OTEL_METRICS_EXPORTER", "otlp", "Metrics leave by OTLP."),
    Default("OTEL_LOGS_EXPORTER", "otlp", "Log records leave by OTLP."),
    Default("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "No gRPC channel that breaks in a forked child."),
    Default("OTEL_PROPAGATORS", "tracecontext,baggage", "W3C headers only."),
    Default("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database", "Stable names, each metric once."),
    Default("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "From a number to the trace that made it."),
    Default(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        "otel,service_instance",
        "Each process is an instance of its own: two replicas' counters must not be mixed.",
    ),
    Default(
        "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION",
        "false",
        "Upstream's log handler stays off: Pitboss exports each record itself, once.",
    ),
)

EXCLUDED_URLS = (
    r"/liveness$",
    r"/health$",
    r"/ready$",
    # One socket.io connection is one endless request; its events get spans of their own.
    r"/socket\.io/",
)
EXCLUDED_URLS_VARIABLE = "OTEL_PYTHON_EXCLUDED_URLS"
_EXCLUDED_URLS_OVERRIDES = (
    "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS",
    "OTEL_PYTHON_STARLETTE_EXCLUDED_URLS",
    "OTEL_PYTHON_ASGI_EXCLUDED_URLS",
)


class Env:
    """Typed access to the environment.

    Args:
        environ: the process's environment unless a test gives another one.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def get(self, variable: Variable[T]) -> T:
        """Return the variable's value; a wrong one is logged and its default used instead."""
        text = self._environ.get(variable.name, "").strip()
        if text:
            try:
                return variable.parse(text)
            except ValueError as error:
                _log.warning("%s=%r ignored, using %s: %s", variable.name, text, variable.default, error)
        return variable.parse(variable.default)

    def set_defaults(self, defaults: Iterable[Default] = DEFAULTS) -> None:
        """Set each variable that the user left unset."""
        for default in defaults:
            self._environ.setdefault(default.name, default.value)

    def exclude_urls(self, patterns: Iterable[str] = EXCLUDED_URLS) -> None:
        """Add regular expressions to the user's lists of URLs that get no spans and no metrics."""
        patterns = tuple(patterns)
        self._merge(EXCLUDED_URLS_VARIABLE, patterns)
        for name in _EXCLUDED_URLS_OVERRIDES:
            if name in self._environ:  # it hides the general variable
                self._merge(name, patterns)

    def _merge(self, name: str, values: Iterable[str]) -> None:
        present = [part.strip() for part in self._environ.get(name, "").split(",") if part.strip()]
        self._environ[name] = ",".join(dict.fromkeys([*present, *values]))


def table() -> str:
    """Return the documentation of all variables as a Markdown table."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    rows += [f"| `{v.name}` ({v.type}) | `{v.default}` | {v.meaning} |" for v in VARIABLES]
    rows += [f"| `{d.name}` | `{d.value}` | {d.meaning} |" for d in DEFAULTS]
    added = " ".join(f"`{pattern}`" for pattern in EXCLUDED_URLS)
    rows.append(f"| `{EXCLUDED_URLS_VARIABLE}` | {added} | Added to the user's list. |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())  # noqa: T201 - that is its purpose
