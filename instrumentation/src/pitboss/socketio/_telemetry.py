"""The tracer, the instruments and the attributes of the socket.io instrumentation.

The attributes are those of the Node instrumentation (`messaging.socket.io.*`), so that one dashboard serves
both. The metrics follow SignalR's, the only conventions for such connections that are stable:
https://opentelemetry.io/docs/specs/semconv/dotnet/dotnet-aspnetcore-metrics/
"""

from dataclasses import dataclass

from opentelemetry.metrics import Histogram, MeterProvider, UpDownCounter, get_meter
from opentelemetry.trace import Tracer, TracerProvider, get_tracer
from opentelemetry.util.types import AttributeValue

from pitboss import __version__
from pitboss._internal.semconv import SCHEMA_URL, messaging

SYSTEM = "socket.io"
OTHER = "_OTHER"
EVENT_NAME = "messaging.socket.io.event_name"
NAMESPACE = "messaging.socket.io.namespace"
REASON = "messaging.socket.io.disconnect_reason"

_SHORT = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
_LONG = [0.01, 0.1, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400]

Attributes = dict[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What spans and measurements are made with."""

    tracer: Tracer
    active_connections: UpDownCounter
    connection_duration: Histogram
    event_duration: Histogram

    @classmethod
    def create(
        cls, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> "Telemetry":
        meter = get_meter("pitboss.socketio", __version__, meter_provider, SCHEMA_URL)
        return cls(
            get_tracer("pitboss.socketio", __version__, tracer_provider, SCHEMA_URL),
            meter.create_up_down_counter(
                "socketio.server.active_connections",
                unit="{connection}",
                description="Number of connections to a namespace that are currently active on the server.",
            ),
            meter.create_histogram(
                "socketio.server.connection.duration",
                unit="s",
                description="Duration of connections to a namespace of the server.",
                explicit_bucket_boundaries_advisory=_LONG,
            ),
            meter.create_histogram(
                "socketio.server.event.duration",
                unit="s",
                description="Duration of the handling of an event that a client sent.",
                explicit_bucket_boundaries_advisory=_SHORT,
            ),
        )


def attributes_of(operation: str, type_: str, namespace: str, event: str | None = None) -> Attributes:
    """Return the attributes of a span."""
    attributes: Attributes = {
        messaging.MESSAGING_SYSTEM: SYSTEM,
        messaging.MESSAGING_OPERATION_NAME: operation,
        messaging.MESSAGING_OPERATION_TYPE: type_,
        messaging.MESSAGING_DESTINATION_NAME: namespace,
        NAMESPACE: namespace,
    }
    if event is not None:
        attributes[EVENT_NAME] = event
    return attributes
