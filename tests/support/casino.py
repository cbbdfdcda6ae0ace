"""The casino as its players meet it: one instrumented bet, plain HTTP calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

VAULT = "http://127.0.0.1:8001"
CONCIERGE = "http://127.0.0.1:8002"
ROOM_SERVICE = "http://127.0.0.1:8003"
SERVICES = {"vault": VAULT, "concierge": CONCIERGE, "room-service": ROOM_SERVICE}


@dataclass(frozen=True)
class Bet:
    """One bet that was placed by an instrumented client: its trace and what came back."""

    trace_id: str
    answer: dict[str, Any]
    pushes: dict[str, Any]


def place_bet(
    *, player: str, amount_minor: str, currency: str = "EUR", expect: tuple[str, ...] = ("balance",)
) -> Bet:
    """Place one bet in a process of its own, instrumented as service `client`, and wait for the pushes."""
    binaries = Path(sys.executable).parent
    done = subprocess.run(
        [
            str(binaries / "opentelemetry-instrument"),
            str(binaries / "python"),
            str(Path(__file__).with_name("one_bet.py")),
            *("--player", player, "--currency", currency, "--amount-minor", amount_minor),
            *("--expect", *expect),
        ],
        env=os.environ
        | {
            "OTEL_PYTHON_DISTRO": "pitboss",
            "OTEL_PYTHON_CONFIGURATOR": "pitboss",
            "OTEL_SERVICE_NAME": "client",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    result = next(json.loads(line) for line in done.stdout.splitlines() if '"pushes"' in line)
    return Bet(**result)


def session(player: str) -> dict[str, str]:
    """The authorization header of a player's new session."""
    answer = httpx.post(f"{VAULT}/session", json={"player_id": player}).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def balance(player: str, currency: str) -> int:
    """The player's balance in minor units."""
    answer = httpx.get(
        f"{VAULT}/wallet/balance", params={"player_id": player, "currency": currency}, headers=session(player)
    )
    return int(answer.raise_for_status().json()["balance_minor"])
