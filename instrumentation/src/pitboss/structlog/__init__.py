"""JSON lines with the trace's ids, and the same records over OTLP, for structlog and the standard library.

An application that doesn't configure structlog gets one fast chain: filtered by level before anything is
built, orjson, bytes to standard output, loggers cached. One that does keeps its chain; trace fields are put
in first, and what its last processor returns is exported.
"""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from pitboss._internal.hooks import Hooks
from pitboss.env import LOG_LEVEL, Env
from pitboss.structlog._chain import Chain, add_trace_fields
from pitboss.structlog._export import Exporter
from pitboss.structlog._stdlib import JSONFormatter, StandardLibrary

__all__ = ["JSONFormatter", "StructlogInstrumentor", "add_trace_fields"]


class StructlogInstrumentor(BaseInstrumentor):
    """Wraps structlog's configuration functions, and `logging` where every record passes."""

    _hooks = Hooks()
    _standard_library: StandardLibrary | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("structlog >= 24.1",)

    def _instrument(self, **kwargs: Any) -> None:
        import structlog  # noqa: PLC0415 - only where it is installed
        from structlog import _config  # noqa: PLC0415

        self._hooks = Hooks()
        config: Any = _config
        exporter = Exporter(kwargs.get("logger_provider"))
        chain = Chain(exporter, Env().get(LOG_LEVEL))

        builtin_defaults, builtin_configure = config.reset_defaults, config.configure

        def configure(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            if args:
                kwargs, args = {"processors": args[0], **kwargs}, args[1:]
            processors = kwargs.pop("processors", None)
            if processors is not None and not structlog.is_configured():
                builtin_defaults()  # what the application leaves out is structlog's own, not ours
            return wrapped(chain.extended(processors), *args, **kwargs)

        def wrap_logger(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            if len(args) > 1:
                args = (args[0], chain.extended(args[1]), *args[2:])
            elif "processors" in kwargs:
                kwargs = {**kwargs, "processors": chain.extended(kwargs["processors"])}
            return wrapped(*args, **kwargs)

        def set_defaults() -> None:
            builtin_configure(**chain.defaults())
            config._CONFIG.is_configured = False  # the application may still

        def reset_defaults(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG001
            wrapped(*args, **kwargs)
            set_defaults()

        self._earlier = (structlog.is_configured(), structlog.get_config())
        for name, wrapper in (
            ("configure", configure),
            ("configure_once", configure),
            ("reset_defaults", reset_defaults),
            ("wrap_logger", wrap_logger),
        ):
            for module in (structlog, config):  # both names are in use
                self._hooks.wrap(module, name, wrapper)
        if structlog.is_configured():
            structlog.configure(processors=structlog.get_config()["processors"])
        else:
            set_defaults()
        self._standard_library = StandardLibrary(exporter)
        self._standard_library.instrument()

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - upstream's signature
        import structlog  # noqa: PLC0415
        from structlog import _config  # noqa: PLC0415

        private: Any = _config
        self._hooks.undo()
        is_configured, config = self._earlier
        structlog.configure(**config)
        private._CONFIG.is_configured = is_configured
        if self._standard_library is not None:
            self._standard_library.uninstrument()
            self._standard_library = None
