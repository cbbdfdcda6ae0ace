"""The semantic conventions' constants that are used here; the unstable ones live in a private module."""

# pyright: reportMissingTypeStubs=false

from opentelemetry.semconv._incubating.attributes import messaging_attributes as messaging
from opentelemetry.semconv._incubating.metrics import messaging_metrics
from opentelemetry.semconv.attributes import server_attributes as server
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.schemas import Schemas

__all__ = ["ERROR_TYPE", "SCHEMA_URL", "messaging", "messaging_metrics", "server"]

SCHEMA_URL = Schemas.V1_44_0.value
