"""Keeps received alerts as JSON lines, bounded, across restarts and crashes."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

MAX_BYTES = 8 * 1024 * 1024
"""Size at which the file becomes the previous one: at most twice this is ever on disk."""


class AlertStore:
    """Alerts in a file of JSON lines and the one before it, each line on disk before `append` returns.

    Args:
        path: the current file; its rotated predecessor gets the suffix `.1`. Folders are made.
        max_bytes: size at which the current file is rotated; what is older than two files is gone.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._previous = path.with_name(path.name + ".1")
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, record: dict[str, Any]) -> None:
        """Write one record and wait until it is on disk.

        Raises:
            OSError: the disk is full or gone; nothing is promised about the record then.
        """
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            if self._size() and self._size() + len(line) > self._max_bytes:
                self._path.replace(self._previous)
            with self._path.open("ab") as file:
                if self._ends_in_half_a_line():
                    file.write(b"\n")
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def since(self, moment: datetime | None = None) -> list[dict[str, Any]]:
        """The records received at or after `moment` (default: all), oldest first, without damaged lines."""
        with self._lock:
            lines = [line for path in (self._previous, self._path) if path.exists() for line in _lines(path)]
        records = [record for line in lines if (record := _record(line)) is not None]
        if moment is None:
            return records
        return [record for record in records if datetime.fromisoformat(record["received_at"]) >= moment]

    def clear(self) -> None:
        """Forget every record."""
        with self._lock:
            self._previous.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def _ends_in_half_a_line(self) -> bool:
        """A crash in the middle of a write leaves one; the next record must not be glued to it."""
        if not self._size():
            return False
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
        datetime.fromisoformat(record["received_at"])
    except (ValueError, TypeError, KeyError):
        return None
    return record
