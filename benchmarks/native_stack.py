"""The native stack: warm start, memory, and how soon a bet is visible in Tempo and in Loki."""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.measure import Figure

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from support import backends, casino  # noqa: E402
from support.native import NativeStack  # noqa: E402
from support.wait import until  # noqa: E402

BETS = 10
PLAYER = "player-0040"
WARM_START_GOAL = 45.0
MEMORY_GOAL_GIB = 2.5
TEMPO_GOAL = 10.0
LOKI_GOAL = 5.0


def first_trace() -> bool:
    """Whether the players' newest bet is in Tempo."""
    newest = httpx.get("http://127.0.0.1:8011/last-bet").json()
    return bool(newest.get("trace_id") and backends.trace(newest["trace_id"]))


def seconds_until_visible() -> tuple[float, float]:
    """Seconds from the accepted bet to its trace in Tempo and to its log line in Loki."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    answer = httpx.post(
        f"{casino.VAULT}/wallet/bet",
        headers=casino.session(PLAYER) | {"traceparent": f"00-{trace_id}-{span_id}-01"},
        json={
            "player_id": PLAYER,
            "transaction_id": trace_id,
            "round_id": trace_id,
            "game_id": "dice",
            "currency": "EUR",
            "amount_minor": "100",
        },
    )
    answer.raise_for_status()
    accepted = time.monotonic()
    waiting = {
        "tempo": lambda: backends.trace(trace_id),
        "loki": lambda: backends.logs(f'{{service_name="vault"}} | trace_id="{trace_id}"'),
    }
    seen: dict[str, float] = {}

    def ask() -> bool:
        for name, question in waiting.items():
            if name not in seen and question():
                seen[name] = time.monotonic() - accepted
        return seen.keys() == waiting.keys()

    until(ask, seconds=60, every=0.1, what="the bet in Tempo and Loki")
    return seen["tempo"], seen["loki"]


def run() -> list[Figure]:
    """Start the whole stack from its cache, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="pitboss-bench-") as state:
        Path(state).chmod(0o755)
        stack = NativeStack(REPOSITORY, Path(state))
        stack.run("init")
        try:
            began = time.monotonic()
            stack.up("--profile", "players")
            until(first_trace, seconds=120, every=0.2, what="the first trace")
            warm_start = time.monotonic() - began
            samples = [seconds_until_visible() for _ in range(BETS)]
            memory = stack.status()["rss"] / 2**30
        finally:
            stack.run("down")
    tempo, loki = (statistics.median(column) for column in zip(*samples, strict=True))
    return [
        Figure("warm start to the first queryable trace", warm_start, "s", WARM_START_GOAL, "goal"),
        Figure("resident memory of the whole stack", memory, "GiB", MEMORY_GOAL_GIB, "goal"),
        Figure("bet accepted to visible in Tempo, median", tempo, "s", TEMPO_GOAL, "goal"),
        Figure("bet accepted to visible in Loki, median", loki, "s", LOKI_GOAL, "goal"),
    ]
