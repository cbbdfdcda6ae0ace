"""What is being emitted: makes the recipients that can read it get the emitter's context."""

from contextvars import ContextVar
from typing import Any

from opentelemetry.trace import SpanContext

from pitboss.socketio import _carrier

# Packet types of the protocol: https://socket.io/docs/v4/socket-io-protocol/
CONNECT, EVENT, BINARY_EVENT = 0, 2, 5
_EVENTS = ("2", "5")


class Emission:
    """One emit, as far as its recipients are concerned."""

    __slots__ = ("_spliced", "context", "namespace")

    def __init__(self, namespace: str, context: SpanContext) -> None:
        self.namespace = namespace
        self.context = context
        self._spliced: tuple[Any, Any] | None = None

    def transport_packet(self, packet: Any) -> Any:
        """Return an encoded packet with the context added; made once, however many recipients there are."""
        data = packet.data
        if not isinstance(data, str) or not data.startswith(_EVENTS) or not data.endswith("]"):
            return packet  # an attachment, or another parser's bytes
        if self._spliced is None or self._spliced[0] is not packet:
            text = _carrier.splice(data, self.context)
            self._spliced = (packet, type(packet)(packet.packet_type, text))
        return self._spliced[1]


emission: ContextVar[Emission | None] = ContextVar("pitboss-socketio-emission", default=None)


def add_to_event(packet: Any, context: SpanContext) -> None:
    """Add the context to an event packet that is not encoded yet."""
    if packet.packet_type in {EVENT, BINARY_EVENT}:
        packet.data = [*packet.data, _carrier.carrier(context)]
