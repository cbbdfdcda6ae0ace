"""Telemetry must never raise into the application."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

_log = logging.getLogger("pitboss")


@contextmanager
def guarded(doing: str) -> Generator[None, None, None]:
    """Swallow and log at debug level whatever the body raises; the body must hold telemetry only."""
    try:
        yield
    except Exception:  # noqa: BLE001 - that is the purpose
        _log.debug("telemetry failed while %s", doing, exc_info=True)
