"""What a span says about the exception that it failed with."""

from opentelemetry.trace import Span, Status, StatusCode

from pitboss._internal.semconv import ERROR_TYPE


def record_error(span: Span, error: BaseException) -> None:
    """Set error.type, the status and the exception's event."""
    span.set_attribute(ERROR_TYPE, type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR, type(error).__qualname__))
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, str(error)))
