"""Chat between players in a room: what may be said, how often, and what others get to see."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from casino.events import format_time
from room_service.refusals import Refusal, RefusedError

ROOMS = ("lobby",)
MAX_CHARACTERS = 500
BURST = 5
MESSAGES_PER_SECOND = 1.0
MAX_PLAYERS_REMEMBERED = 10_000

_KEPT_CONTROLS = "\n\t"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message that may be delivered."""

    message_id: str
    room: str
    player_id: str
    text: str
    sent_at: datetime

    def payload(self) -> dict[str, str]:
        """The `chat` event that clients get."""
        return {
            "message_id": self.message_id,
            "room": self.room,
            "player_id": self.player_id,
            "text": self.text,
            "sent_at": format_time(self.sent_at),
        }


def read(player_id: str, arguments: tuple[Any, ...]) -> ChatMessage:
    """Read the arguments of a client's `chat` event: `{"room", "text"}`.

    Raises:
        RefusedError: malformed_request, unknown_room, text_empty or text_too_long.
    """
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise RefusedError(Refusal.MALFORMED_REQUEST)
    room, text = arguments[0].get("room"), arguments[0].get("text")
    if not isinstance(room, str) or not isinstance(text, str):
        raise RefusedError(Refusal.MALFORMED_REQUEST)
    if room not in ROOMS:
        raise RefusedError(Refusal.UNKNOWN_ROOM)
    if len(text) > MAX_CHARACTERS:
        raise RefusedError(Refusal.TEXT_TOO_LONG)
    if not _is_writable(text):
        raise RefusedError(Refusal.MALFORMED_REQUEST)
    if not text.strip():
        raise RefusedError(Refusal.TEXT_EMPTY)
    return ChatMessage(str(uuid4()), room, player_id, text.strip(), datetime.now(UTC))


def room_label(arguments: tuple[Any, ...]) -> str:
    """The room for a metric: one of `ROOMS`, or "other" for whatever else a client names."""
    room = arguments[0].get("room") if arguments and isinstance(arguments[0], dict) else None
    return room if isinstance(room, str) and room in ROOMS else "other"


def _is_writable(text: str) -> bool:
    """Whether all of it can be shown and encoded: no control characters, no half of a surrogate pair."""
    return all(
        character in _KEPT_CONTROLS or not (ord(character) < 32 or 0x7F <= ord(character) < 0xA0)
        for character in text
    ) and not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


class RateLimiter:
    """A token bucket per player, so that a second connection gives no second allowance.

    Args:
        burst: messages that may come at once.
        per_second: messages that may be added each second.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        burst: int = BURST,
        per_second: float = MESSAGES_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, player_id: str) -> None:
        """Take one message of the player's allowance.

        Raises:
            RefusedError: rate_limited; nothing was taken.
        """
        now = self._clock()
        tokens, filled_at = self._buckets.pop(player_id, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - filled_at) * self._per_second)
        allowed = tokens >= 1
        self._buckets[player_id] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_PLAYERS_REMEMBERED:
            self._buckets.popitem(last=False)
        if not allowed:
            raise RefusedError(Refusal.RATE_LIMITED)
