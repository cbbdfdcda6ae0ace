"""The fields of a log line and their order."""

import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

from opentelemetry import _logs
from opentelemetry.sdk.resources import Resource

from pitboss.structlog import _json
from pitboss.structlog._export import Severity, trace_fields


def timestamp(seconds: float | None = None) -> str:
    """Return a moment (Unix time, default: now) in UTC with milliseconds."""
    moment = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


_SERVICE_FIELDS = {
    "service.name": "service.name",
    "service.version": "service.version",
    "env": "deployment.environment.name",
}
# By identity: a resource's hash is made anew each time. There is one per process, or per test.
_known: dict[int, tuple[Resource, Mapping[str, str]]] = {}


def service_fields() -> Mapping[str, str]:
    """Return what the resource says about the service: name, version, environment."""
    resource = getattr(_logs.get_logger_provider(), "resource", None)
    if not isinstance(resource, Resource):
        return {}
    if id(resource) not in _known:
        found = {field: resource.attributes.get(name) for field, name in _SERVICE_FIELDS.items()}
        _known[id(resource)] = (resource, {field: str(value) for field, value in found.items() if value})
    return _known[id(resource)][1]


def compose(
    event: str,
    severity: Severity,
    fields: MutableMapping[str, Any],
    service: Mapping[str, str],
    seconds: float | None = None,
) -> dict[str, Any]:
    """Return a line's fields; what the application gave wins over what is known here."""
    return {
        "ts": timestamp(seconds),
        "severity": severity.text,
        **service,
        **trace_fields(),
        "event": event,
        **fields,
    }


def exception_fields(exc_info: Any) -> dict[str, str]:
    """Return the attributes of an exception that was logged (`True`, an exception or a triple)."""
    if isinstance(exc_info, tuple):
        error: Any = cast("tuple[Any, ...]", exc_info)[1]
    else:
        error = sys.exc_info()[1] if exc_info is True else exc_info
    if not isinstance(error, BaseException):
        return {}
    kind = type(error)
    builtin = kind.__module__ == "builtins"
    return {
        "exception.type": kind.__qualname__ if builtin else f"{kind.__module__}.{kind.__qualname__}",
        "exception.message": _json.text(error),
        "exception.stacktrace": "".join(traceback.format_exception(error)),
    }
