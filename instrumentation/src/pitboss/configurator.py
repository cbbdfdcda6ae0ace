"""Builds the providers from the environment (or `OTEL_CONFIG_FILE`) and puts their end under our control."""

import atexit
import os
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import get_logger_provider
from opentelemetry.metrics import get_meter_provider
from opentelemetry.sdk._configuration import _OTelSDKConfigurator  # pyright: ignore[reportPrivateUsage]
from opentelemetry.sdk.environment_variables import OTEL_CONFIG_FILE

from pitboss import __version__, propagation, shutdown
from pitboss._internal.redaction import RedactingProcessor
from pitboss.env import SHUTDOWN_TIMEOUT, Env


class PitbossConfigurator(_OTelSDKConfigurator):
    """The SDK's configurator plus redacted URLs and a bounded end of the process."""

    def _configure(self, **kwargs: Any) -> None:
        self._build_providers(kwargs)
        self._keep_secrets()
        propagation.install()
        self._control_the_end()

    def _build_providers(self, arguments: dict[str, Any]) -> None:
        if os.environ.get(OTEL_CONFIG_FILE):
            # The file replaces everything that arguments say.
            super()._configure()  # pyright: ignore[reportUnknownMemberType]
            return
        attributes = {
            "telemetry.distro.name": "pitboss",
            "telemetry.distro.version": __version__,
            **arguments.get("resource_attributes", {}),
        }
        arguments = {**arguments, "resource_attributes": attributes}
        super()._configure(**arguments)  # pyright: ignore[reportUnknownMemberType]

    def _keep_secrets(self) -> None:
        provider: Any = trace.get_tracer_provider()
        if hasattr(provider, "add_span_processor"):
            provider.add_span_processor(RedactingProcessor())

    def _control_the_end(self) -> None:
        # The SDK would end them one after the other, each with up to 30 s, and only at a normal exit.
        providers: list[Any] = [trace.get_tracer_provider(), get_meter_provider(), get_logger_provider()]
        providers = [provider for provider in providers if hasattr(provider, "force_flush")]
        for provider in providers:
            atexit.unregister(provider.shutdown)
        shutdown.install(shutdown.Ending(providers, timeout=Env().get(SHUTDOWN_TIMEOUT)))
