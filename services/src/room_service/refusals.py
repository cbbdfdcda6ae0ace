"""What a client did wrong on its socket: typed, counted with a bounded reason, logged without its content.

HTTP answers problem details; a socket gets the event `problem` (or the acknowledgement of its own event) with
the same kind of code.
"""

from __future__ import annotations

from enum import StrEnum

import structlog

from casino import metrics

log = structlog.get_logger()

EVENT = "problem"
"""Name of the event that tells a client about its mistake."""

ROUTE = "/socket.io"


class Refusal(StrEnum):
    """Why something that came over a socket was refused. Closed set: it is a metric attribute."""

    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    MALFORMED_REQUEST = "malformed_request"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_ROOM = "unknown_room"
    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"


DETAIL: dict[Refusal, str] = {
    Refusal.UNAUTHENTICATED: "Connect with auth {token} from Vault's POST /session.",
    Refusal.FORBIDDEN: "The token belongs to another player.",
    Refusal.UNAVAILABLE: "This node is going away, connect again.",
    Refusal.PAYLOAD_TOO_LARGE: "Send less than 64 KiB at a time.",
    Refusal.MALFORMED_REQUEST: "This is not a message of the socket.io protocol that this service speaks.",
    Refusal.UNKNOWN_EVENT: "This service knows no such event.",
    Refusal.UNKNOWN_ROOM: "There is no such room.",
    Refusal.TEXT_EMPTY: "Write something.",
    Refusal.TEXT_TOO_LONG: "Write at most 500 characters.",
    Refusal.RATE_LIMITED: "Write slower.",
    Refusal.INTERNAL: "The service made a mistake; it is recorded.",
}


class RefusedError(Exception):
    """Something from a client is refused; the handler around makes the answer of it."""

    def __init__(self, refusal: Refusal, reason: str | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.reason = reason or refusal.value


def report(refusal: Refusal, *, reason: str | None = None, player_id: str | None = None) -> None:
    """Count and log a refusal.

    Args:
        refusal: what went wrong.
        reason: narrows it down, from a closed set.
        player_id: whose socket it was, where that is known.
    """
    reason = reason or refusal.value
    metrics.problems.add(1, {"code": refusal.value, "reason": reason, "http.route": ROUTE})
    fields = {"event.name": "socket.refused", "outcome": "rejected", "code": refusal.value, "reason": reason}
    log.warning("socket message refused", **fields, **({"player.id": player_id} if player_id else {}))


def body(refusal: Refusal) -> dict[str, str]:
    """What the client is told."""
    return {"code": refusal.value, "detail": DETAIL[refusal]}
