"""A player's client: connects to Room-Service, places one bet at Vault, waits for what is pushed back.

Run under `opentelemetry-instrument`, so that the click, the HTTP call and the socket.io handlers are spans of
the same trace. Prints one JSON line: the trace id of the bet and the pushes that arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from typing import Any

import httpx
import socketio
from opentelemetry import trace

VAULT = "http://127.0.0.1:8001"
ROOM_SERVICE = "http://127.0.0.1:8003"


async def place_bet(
    player: str, currency: str, amount_minor: str, events: set[str], seconds: float
) -> dict[str, Any]:
    """Place one bet and wait until each of `events` was pushed.

    Raises:
        TimeoutError: a push did not arrive within `seconds`.
    """
    pushes: dict[str, Any] = {}
    arrived = asyncio.Event()
    client = socketio.AsyncClient(reconnection=False)

    def receiver(name: str) -> Any:
        async def handle(data: Any) -> None:
            pushes[name] = {
                "data": data,
                "trace_id": f"{trace.get_current_span().get_span_context().trace_id:032x}",
            }
            if events <= pushes.keys():
                arrived.set()

        return handle

    for name in ("balance", "rewards", "level_up"):
        client.on(name, receiver(name))

    async with httpx.AsyncClient(base_url=VAULT, timeout=10) as http:
        session = (await http.post("/session", json={"player_id": player})).raise_for_status().json()
        await client.connect(ROOM_SERVICE, auth={"token": session["token"]}, transports=["websocket"])
        with trace.get_tracer("one_bet").start_as_current_span("place bet") as span:
            answer = await http.post(
                "/wallet/bet",
                headers={"Authorization": f"Bearer {session['token']}"},
                json={
                    "player_id": player,
                    "transaction_id": str(uuid.uuid4()),
                    "round_id": str(uuid.uuid4()),
                    "game_id": "dice",
                    "currency": currency,
                    "amount_minor": amount_minor,
                },
            )
            answer.raise_for_status()
            trace_id = f"{span.get_span_context().trace_id:032x}"
        try:
            async with asyncio.timeout(seconds):
                await arrived.wait()
        finally:
            await client.disconnect()
    return {"trace_id": trace_id, "answer": answer.json(), "pushes": pushes}


def main() -> None:
    """Parse the arguments, place the bet, print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--player", default="player-0050")
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--amount-minor", default="20000")
    parser.add_argument("--expect", nargs="+", default=["balance"])
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    result = asyncio.run(
        place_bet(
            arguments.player,
            arguments.currency,
            arguments.amount_minor,
            set(arguments.expect),
            arguments.seconds,
        )
    )
    print(json.dumps(result), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
