"""The distribution: defaults, and which instrumentations run with which arguments."""

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.distro import BaseDistro

from pitboss.env import Env

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_log = logging.getLogger(__name__)

# Refused here and not by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: a user's own list would bring them back.
REPLACED = {
    "kafka": "pitboss_kafka",
    "structlog": "pitboss_structlog",
    "logging": "pitboss_structlog",
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    # There is no variable for this one. It takes two of the three spans of every request away.
    "fastapi": {"exclude_spans": ["receive", "send"]},
}


class PitbossDistro(BaseDistro):
    """Sets defaults before anything of OpenTelemetry reads the environment."""

    def _configure(self, **kwargs: Any) -> None:  # noqa: ARG002 - upstream's signature
        env = Env()
        env.set_defaults()
        env.exclude_urls()

    def load_instrumentor(self, entry_point: "EntryPoint", **kwargs: Any) -> None:
        """Start an instrumentation, unless Pitboss replaces it.

        One that fails is logged and left out; upstream would abandon all that come after it.
        """
        if entry_point.name in REPLACED and not entry_point.value.startswith("pitboss."):
            _log.debug("%s is replaced by %s", entry_point.name, REPLACED[entry_point.name])
            return
        try:
            arguments = {**ARGUMENTS.get(entry_point.name, {}), **kwargs}
            super().load_instrumentor(entry_point, **arguments)  # pyright: ignore[reportUnknownMemberType]
        except ImportError:
            raise  # upstream knows: the library is not installed
        except Exception:  # noqa: BLE001 - whatever it raises, the application must start
            _log.exception("instrumentation %s failed and is left out", entry_point.name)
