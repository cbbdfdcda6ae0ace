"""One operation: its span, whether it is current, and how a wrapped method is run inside."""

import inspect
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, SpanContext, SpanKind

from pitboss._internal.failure import record_error
from pitboss._internal.guard import guarded
from pitboss._internal.hooks import Wrapper
from pitboss._internal.scope import Scope
from pitboss.socketio._telemetry import Attributes, Telemetry

Arguments = tuple[Any, ...]
Keywords = dict[str, Any]
Finish = Callable[["Operation"], None]


class Operation:
    """A span that is current while a method of socket.io runs.

    Args:
        name: of the span.
        context: to start in (default: the current one).
        finish: called at the end, with `seconds` and `error` set.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        *,
        context: Context | None = None,
        link: SpanContext | None = None,
        finish: Finish | None = None,
    ) -> None:
        context = get_current() if context is None else context
        links = [Link(link)] if link is not None else []
        self.span = telemetry.tracer.start_span(name, context, kind, attributes, links)
        self.error: BaseException | None = None
        self.seconds = 0.0
        self._finish = finish
        self._started = time.perf_counter()
        self._scope = Scope(trace.set_span_in_context(self.span, context))
        self._reset: Callable[[], None] | None = None

    @property
    def span_context(self) -> SpanContext:
        return self.span.get_span_context()

    def also_set(self, variable: ContextVar[Any], value: object) -> None:
        """Set a variable for as long as the operation lasts."""
        token: Token[Any] = variable.set(value)
        self._reset = lambda: variable.reset(token)

    def end(self, error: BaseException | None) -> None:
        """End the span, which has failed with `error` unless it is None."""
        self.error = error
        self.seconds = time.perf_counter() - self._started
        with guarded("leaving a socket.io span"):
            self._scope.close()
            if self._reset is not None:
                self._reset()
        # Each step by itself: an exception whose text can't be had must not keep the span open.
        with guarded("describing a failed socket.io span"):
            if error is not None:
                record_error(self.span, error)
        with guarded("measuring a socket.io operation"):
            if self._finish is not None:
                self._finish(self)
        with guarded("ending a socket.io span"):
            self.span.end()


class Call:
    """A call of a wrapped method; `begin` may change the arguments."""

    __slots__ = ("args", "instance", "kwargs")

    def __init__(self, instance: Any, args: Arguments, kwargs: Keywords) -> None:
        self.instance = instance
        self.args = args
        self.kwargs = kwargs

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument that was given by position or by name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)


def around(begin: Callable[[Call], Operation | None]) -> Wrapper:
    """Return a wrapper that runs a method, synchronous or not, inside the operation that `begin` starts."""

    def start(call: Call) -> Operation | None:
        if not is_instrumentation_enabled():
            return None
        with guarded("starting a socket.io span"):
            return begin(call)
        return None

    async def run_async(wrapped: Callable[..., Any], call: Call) -> Any:
        operation = start(call)
        if operation is None:
            return await wrapped(*call.args, **call.kwargs)
        try:
            result = await wrapped(*call.args, **call.kwargs)
        except BaseException as error:
            operation.end(error)
            raise
        operation.end(None)
        return result

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Arguments, kwargs: Keywords) -> Any:
        call = Call(instance, args, kwargs)
        if inspect.iscoroutinefunction(wrapped):
            return run_async(wrapped, call)
        operation = start(call)
        if operation is None:
            return wrapped(*call.args, **call.kwargs)
        try:
            result = wrapped(*call.args, **call.kwargs)
        except BaseException as error:
            operation.end(error)
            raise
        operation.end(None)
        return result

    return wrapper


def before(change: Callable[[Call], None]) -> Wrapper:
    """Return a wrapper that lets `change` look at, or replace, a method's arguments."""

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Arguments, kwargs: Keywords) -> Any:
        call = Call(instance, args, kwargs)
        with guarded("preparing a socket.io packet"):
            change(call)
        return wrapped(*call.args, **call.kwargs)

    return wrapper
