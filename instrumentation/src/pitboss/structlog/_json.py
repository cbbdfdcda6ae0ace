"""One line of JSON from whatever an application logs; never raises, loses no digit of money."""

import enum
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import orjson

MAX_LINE = 128 * 1024
"""Bytes. What is longer is cut: one record must not cost the whole batch that it is exported in."""

_MAX_TEXT = 8 * 1024
_MAX_ATTRIBUTE = 16 * 1024
_MAX_FIELDS = 64
_MAX_DEPTH = 8
_MAX_INTEGER = 2**53 - 1  # what every JSON reader takes exactly
_OTLP_INTEGER = 2**63


def line(fields: Mapping[str, Any]) -> bytes:
    """Return `fields` as one line of JSON, without a line break at its end; `MAX_LINE` bytes at most."""
    whole = _whole(fields)
    return whole if len(whole) <= MAX_LINE else _whole(_cut(fields))


def _whole(fields: Mapping[Any, Any]) -> bytes:
    try:
        return orjson.dumps(fields, default=_other)
    except (TypeError, ValueError, RecursionError):
        # An integer beyond 64 bits, a key that is no string, a lone surrogate, a cycle.
        return orjson.dumps(_plain(fields, 0))


def _cut(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first fields, each with what fits; the ones that identify a record come first."""
    result: dict[str, Any] = {}
    size = 0
    for name, value in list(fields.items())[:_MAX_FIELDS]:
        text = _whole({"": value}).decode("utf-8", "replace")[4:-1]
        is_long = len(text) > _MAX_TEXT
        if is_long and isinstance(value, str):
            text = value
        kept = f"{text[:_MAX_TEXT]}… ({len(text)} characters)" if is_long else value
        size += min(len(text), _MAX_TEXT)
        if size > MAX_LINE // 2:
            break
        result[str(name)[:_MAX_TEXT]] = kept
    return {**result, "truncated": True}


def text(value: object) -> str:
    """Return `str(value)`, or its type where that raises: a broken object must not cost the log line."""
    if isinstance(value, str):
        return value
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever it raises
        return f"<{type(value).__name__}>"


def attribute(value: Any) -> str | bool | int | float | None:
    """Return a value as OTLP takes it; None for what has parts of its own and stays in the line only."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return _encodable(value[:_MAX_ATTRIBUTE])
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -_OTLP_INTEGER <= value < _OTLP_INTEGER else str(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return None


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, set | frozenset):
        return list(cast("set[Any]", value))
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    try:
        return _encodable(repr(value))
    except Exception:  # noqa: BLE001 - a broken __repr__ must not cost the log line
        return f"<{type(value).__name__}>"


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return "..." if depth >= _MAX_DEPTH else _plain_parts(cast("Any", value), depth + 1)
    if isinstance(value, enum.Enum):
        return _plain(value.value, depth)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_INTEGER:
        return str(value)
    if isinstance(value, str):
        return _encodable(value)
    converted = attribute(value)
    return converted if converted is not None or value is None else _other(value)


def _plain_parts(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        mapping = cast("Mapping[Any, Any]", value)
        return {_encodable(str(key)): _plain(item, depth) for key, item in mapping.items()}
    return [_plain(item, depth) for item in value]


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
