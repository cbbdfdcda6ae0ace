"""Decodes what clients send, so that nothing malformed gets further than the decoder.

python-socketio lets exceptions of its decoder and of odd packets end in a log record only; and it would call
the handlers of `connect` and `disconnect` for a client's event of that name. Here such a packet becomes the
event `MALFORMED`, whose handler tells the client. Attachments are refused: no event of this service has any,
and they would be collected in memory without limit.
"""

from __future__ import annotations

from typing import Any

from socketio import packet

MALFORMED = "malformed"
"""Event that stands for a packet that could not be read."""

_RESERVED = frozenset({"connect", "connect_error", "disconnect"})
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


class StrictPacket(packet.Packet):
    """A packet whose decoding never fails and never gives an event that a client may not send."""

    def __init__(  # noqa: PLR0917 - python-socketio's own signature
        self,
        packet_type: int = packet.EVENT,
        data: Any = None,
        namespace: str | None = None,
        id: int | None = None,  # noqa: A002 - the name that python-socketio calls it by
        binary: bool | None = None,
        encoded_packet: str | bytes | None = None,
    ) -> None:
        super().__init__(packet_type, data, namespace, id, binary, encoded_packet)
        if encoded_packet is not None and not encoded_packet:
            self._make_malformed()

    def decode(self, encoded_packet: str | bytes) -> int:
        """Read a packet; returns the number of attachments that follow, always 0."""
        try:
            attachments = super().decode(encoded_packet)
        except _UNREADABLE:
            attachments = None
        if attachments or not self._is_readable(encoded_packet):
            self._make_malformed()
        return 0

    def _is_readable(self, encoded_packet: str | bytes) -> bool:
        if not isinstance(encoded_packet, str) or str(self.packet_type) != encoded_packet[:1]:
            return False
        match self.packet_type:
            case packet.CONNECT:
                return True
            case packet.DISCONNECT:
                return True
            case packet.EVENT:
                return _is_event(self.data)
            case packet.ACK:
                return isinstance(self.data, list) and self.id is not None
            case _:
                return False

    def _make_malformed(self) -> None:
        # A CONNECT that can't be read stays one: without a token it is refused in the protocol's own way.
        if self.packet_type != packet.CONNECT:
            self.packet_type = packet.EVENT
            self.data = [MALFORMED]
        else:
            self.data = None
        self.id = None


def _is_event(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and isinstance(data[0], str) and data[0] not in _RESERVED
