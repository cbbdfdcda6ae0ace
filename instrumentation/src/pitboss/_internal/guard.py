"""Telemetry must never raise into the application."""

import logging
from types import TracebackType

_log = logging.getLogger("pitboss")


class guarded:  # noqa: N801 - reads as a statement
    """Swallow and log at debug level whatever the body raises; the body must hold telemetry only."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        _log.debug("telemetry failed while %s", self._doing, exc_info=error)
        return True
