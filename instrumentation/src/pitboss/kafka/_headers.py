"""Trace context in Kafka headers: a list of `(str, bytes)`, where nothing can be relied on."""

from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter

Headers = list[tuple[str, bytes]]

_TRACEPARENT = "traceparent"


class LastValue(Getter[Any]):
    """Reads headers; a value that is no text is read as an empty one, of several the last one counts."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        for name, value in reversed(_items(carrier)):
            if name.lower() != key:
                continue
            try:
                return [value.decode("utf-8") if isinstance(value, bytes) else str(value)]
            except UnicodeDecodeError:
                return [""]
        return None

    def keys(self, carrier: Any) -> list[str]:
        return [name for name, _ in _items(carrier)]


_GETTER = LastValue()


def _items(headers: Any) -> list[tuple[str, Any]]:
    pairs: list[Any] = [item for item in headers or () if isinstance(item, tuple | list)]
    whole = [pair for pair in pairs if len(pair) == 2]
    return [(name, value) for name, value in whole if isinstance(name, str) and value is not None]


def extract(headers: Any, context: Context | None = None) -> Context:
    """Return `context` (default: an empty one) with the trace that `headers` carry; never raises."""
    return propagate.extract(headers, context=Context() if context is None else context, getter=_GETTER)


def carries_context(headers: Any) -> bool:
    """Say whether somebody has put a trace context in already."""
    return any(name.lower() == _TRACEPARENT for name, _ in _items(headers))


def injected(headers: Any, context: Context) -> Headers:
    """Return a copy of `headers` with `context` appended; the caller's list stays as it is."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=context)
    replaced = {name.lower() for name in carrier}
    kept = [item for item in headers or () if item[0].lower() not in replaced]
    return [*kept, *((name, value.encode("utf-8")) for name, value in carrier.items())]
