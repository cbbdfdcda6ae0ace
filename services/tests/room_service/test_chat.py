"""What may be said, and how often."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_service import chat
from room_service.refusals import Refusal, RefusedError


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ((), Refusal.MALFORMED_REQUEST),
        (("hello",), Refusal.MALFORMED_REQUEST),
        (({"room": "lobby", "text": "a"}, "more"), Refusal.MALFORMED_REQUEST),
        (({"room": "lobby"},), Refusal.MALFORMED_REQUEST),
        (({"room": "lobby", "text": 5},), Refusal.MALFORMED_REQUEST),
        (({"room": ["lobby"], "text": "a"},), Refusal.MALFORMED_REQUEST),
        (({"room": "vip", "text": "a"},), Refusal.UNKNOWN_ROOM),
        (({"room": "lobby", "text": ""},), Refusal.TEXT_EMPTY),
        (({"room": "lobby", "text": " \n\t"},), Refusal.TEXT_EMPTY),
        (({"room": "lobby", "text": "x" * 501},), Refusal.TEXT_TOO_LONG),
        (({"room": "lobby", "text": "bell \x07"},), Refusal.MALFORMED_REQUEST),
        (({"room": "lobby", "text": "half a pair \ud800"},), Refusal.MALFORMED_REQUEST),
    ],
)
def test_what_can_not_be_delivered_is_named(arguments: tuple[Any, ...], refusal: Refusal):
    with pytest.raises(RefusedError) as refused:
        chat.read("player-0001", arguments)

    assert refused.value.refusal is refusal


def test_five_hundred_characters_of_any_language_are_delivered_as_they_are():
    text = "奖" * 499 + "🎰"

    message = chat.read("player-0001", ({"room": "lobby", "text": text},))

    payload = message.payload()
    assert payload["text"] == text
    assert payload["player_id"] == "player-0001"
    assert payload["room"] == "lobby"
    assert set(payload) == {"message_id", "room", "player_id", "text", "sent_at"}


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_anything_at_all_is_read_or_refused(argument: Any):
    with suppress(RefusedError):
        chat.read("player-0001", (argument,))
    assert chat.room_label((argument,)) in {"lobby", "other"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def count_allowed(limiter: chat.RateLimiter, player: str, attempts: int) -> int:
    allowed = 0
    for _ in range(attempts):
        with suppress(RefusedError):
            limiter.take(player)
            allowed += 1
    return allowed


def test_a_burst_is_allowed_then_as_many_as_seconds_pass():
    clock = Clock()
    limiter = chat.RateLimiter(burst=5, per_second=1.0, clock=clock)

    assert count_allowed(limiter, "a", 20) == 5
    clock.now += 2.5
    assert count_allowed(limiter, "a", 20) == 2
    clock.now += 3600
    assert count_allowed(limiter, "a", 20) == 5


def test_one_players_limit_is_not_anothers():
    limiter = chat.RateLimiter(burst=1, clock=Clock())

    assert count_allowed(limiter, "a", 2) == 1
    assert count_allowed(limiter, "b", 2) == 1


def test_the_memory_for_players_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chat, "MAX_PLAYERS_REMEMBERED", 10)
    limiter = chat.RateLimiter(clock=Clock())
    for number in range(100):
        limiter.take(f"player-{number}")

    assert len(limiter._buckets) == 10
