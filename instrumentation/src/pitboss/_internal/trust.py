"""Trace context from peers that nobody trusts: browsers."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pitboss.propagation import note_malformed

_PROPAGATOR = TraceContextTextMapPropagator()
_LENGTH = 55  # of a traceparent of version 00; later versions may be longer, ours is not interested


def span_context(traceparent: object) -> SpanContext | None:
    """Return what a `traceparent` says, None where it is absent or malformed; no tracestate or baggage."""
    if traceparent is None:
        return None
    if isinstance(traceparent, str) and len(traceparent) == _LENGTH:
        extracted = _PROPAGATOR.extract({"traceparent": traceparent}, context=Context())
        context = trace.get_current_span(extracted).get_span_context()
        if context.is_valid:
            return context
    note_malformed("socketio")
    return None


def traceparent(context: SpanContext) -> str:
    """Return a span context as `traceparent`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent_of_own_sampling(remote: SpanContext, name: str) -> Context:
    """Return a context to continue `remote`'s trace in, sampled as if it had begun here.

    A browser's sampled flag would otherwise switch off the tracing of its own bets, or force it on.
    """
    provider = trace.get_tracer_provider()
    sampled = True
    if isinstance(provider, TracerProvider):
        sampled = provider.sampler.should_sample(Context(), remote.trace_id, name).decision.is_sampled()
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    parent = SpanContext(remote.trace_id, remote.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def parent(remote: SpanContext) -> Context:
    """Return a context to continue a trusted peer's trace in."""
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())
