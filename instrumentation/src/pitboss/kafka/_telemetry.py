"""The tracer, the instruments and the attributes of the Kafka instrumentation (semantic conventions 1.44)."""

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.metrics import Counter, Histogram, MeterProvider, get_meter
from opentelemetry.trace import Tracer, TracerProvider, get_tracer
from opentelemetry.util.types import AttributeValue

from pitboss import __version__
from pitboss._internal.semconv import SCHEMA_URL, messaging, server
from pitboss._internal.semconv import messaging_metrics as metrics

SYSTEM = "kafka"
# Advised by the conventions, seconds.
_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

Attributes = dict[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What spans and measurements are made with."""

    tracer: Tracer
    process_duration: Histogram
    operation_duration: Histogram
    sent: Counter
    consumed: Counter

    @classmethod
    def create(
        cls, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> "Telemetry":
        meter = get_meter("pitboss.kafka", __version__, meter_provider, SCHEMA_URL)
        return cls(
            get_tracer("pitboss.kafka", __version__, tracer_provider, SCHEMA_URL),
            meter.create_histogram(
                metrics.MESSAGING_PROCESS_DURATION,
                unit="s",
                description="Duration of processing operation.",
                explicit_bucket_boundaries_advisory=_BUCKETS,
            ),
            meter.create_histogram(
                metrics.MESSAGING_CLIENT_OPERATION_DURATION,
                unit="s",
                description="Duration of messaging operation initiated by a producer or consumer client.",
                explicit_bucket_boundaries_advisory=_BUCKETS,
            ),
            meter.create_counter(
                metrics.MESSAGING_CLIENT_SENT_MESSAGES,
                unit="{message}",
                description="Number of messages producer attempted to send to the broker.",
            ),
            meter.create_counter(
                metrics.MESSAGING_CLIENT_CONSUMED_MESSAGES,
                unit="{message}",
                description="Number of messages that were delivered to the application.",
            ),
        )


@dataclass(frozen=True, slots=True)
class Client:
    """What is the same for all operations of one producer or consumer.

    Attributes:
        common: attributes of its metrics and its spans.
        spans: attributes of its spans only.
    """

    common: Attributes = field(default_factory=dict[str, AttributeValue])
    spans: Attributes = field(default_factory=dict[str, AttributeValue])

    @classmethod
    def of(cls, kafka_client: Any) -> "Client":
        """Read a producer's or consumer's configuration."""
        config: dict[str, Any] = getattr(kafka_client, "config", None) or {}
        common: Attributes = {messaging.MESSAGING_SYSTEM: SYSTEM, **_server(config.get("bootstrap_servers"))}
        spans: Attributes = {}
        if config.get("group_id"):
            common[messaging.MESSAGING_CONSUMER_GROUP_NAME] = str(config["group_id"])
        if config.get("client_id"):
            spans[messaging.MESSAGING_CLIENT_ID] = str(config["client_id"])
        return cls(common, spans)

    def operation(self, name: str, type_: str, topic: str | None) -> Attributes:
        """Return the attributes that an operation's span and its metrics share."""
        attributes = {
            **self.common,
            messaging.MESSAGING_OPERATION_NAME: name,
            messaging.MESSAGING_OPERATION_TYPE: type_,
        }
        if topic is not None:
            attributes[messaging.MESSAGING_DESTINATION_NAME] = topic
        return attributes


def _server(bootstrap: Any) -> Attributes:
    # With several brokers it can't be said which one an operation talks to.
    servers = [bootstrap] if isinstance(bootstrap, str) else list(bootstrap or ())
    servers = [part for item in servers for part in str(item).split(",")]
    if len(servers) != 1:
        return {}
    host, _, port = servers[0].rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return {server.SERVER_ADDRESS: servers[0]}
    return {server.SERVER_ADDRESS: host.strip("[]"), server.SERVER_PORT: int(port)}
