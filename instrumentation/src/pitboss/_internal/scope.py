"""Makes a context current and takes it back without ever logging a detach error.

`opentelemetry.context.detach` fails (and logs an ERROR) when it is called in another thread, task or
`asyncio.to_thread` call than the attach. Iterators and callbacks do exactly that, so a scope sets the
earlier context again, and only where its own is still the current one.
"""

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

_KEY = otel_context.create_key("pitboss-scope")


class Scope:
    """One context that was made current."""

    __slots__ = ("_attached", "_is_closed", "_previous")

    def __init__(self, context: Context) -> None:
        self._previous = otel_context.get_current()
        self._attached = otel_context.set_value(_KEY, self, context)
        self._is_closed = False
        otel_context.attach(self._attached)

    def close(self) -> None:
        """Make the earlier context current again, unless somebody else's is current by now."""
        self._is_closed = True
        if otel_context.get_current() is self._attached:
            otel_context.attach(self._earlier())

    def _earlier(self) -> Context:
        # Scopes may be closed in any order (two consumers read in turn): skip those that are over.
        context = self._previous
        while isinstance(scope := context.get(_KEY), Scope):
            if not scope._is_closed or scope._attached is not context:
                break
            context = scope._previous
        return context


def is_over(context: Context) -> bool:
    """Say whether a context's span has ended: what a thread inherited is not what is going on."""
    return getattr(trace.get_current_span(context), "end_time", None) is not None


@contextmanager
def current(context: Context) -> Generator[None, None, None]:
    """Run the body with `context` current."""
    scope = Scope(context)
    try:
        yield
    finally:
        scope.close()
