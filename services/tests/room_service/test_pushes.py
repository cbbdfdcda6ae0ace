"""Pushes on a real Kafka and Redis: to the player's own sockets, on whichever node they are."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from casino import kafka_client
from casino.events import WALLET_EVENTS, WalletEvent

SECRET = "a secret for tests that is long enough"

pytestmark = pytest.mark.server

Start = Callable[..., Any]
Make = Callable[..., Any]
Token = Callable[[str], str]
Bet = Callable[..., WalletEvent]
Send = Callable[[str, bytes], Any]


@pytest.fixture
def send(kafka: str) -> Iterator[Send]:
    """Puts a value into `wallet.events`."""
    producer: Any = kafka_client.producer(kafka, "tests")
    yield lambda key, value: producer.send(WALLET_EVENTS.name, value=value, key=key.encode()).get(10)
    producer.close()


async def test_a_push_reaches_its_player_only_on_every_node_and_poison_stops_none(
    start: Start, client: Make, token: Token, kafka: str, redis: str, send: Send, bet: Bet
):
    one, other = await start(redis, kafka, ready=True), await start(redis, kafka, ready=True)
    anna, bob = f"anna-{uuid4()}", f"ben-{uuid4()}"
    anna_here, anna_there, ben = client(one), client(other), client(one)
    for each, player in ((anna_here, anna), (anna_there, anna), (ben, bob)):
        await each.connect({"token": token(player)})
    annas, bens = bet(1000, anna, balance_minor=10**24), bet(500, bob)

    await asyncio.to_thread(send, anna, b"\xffpoison")
    await asyncio.to_thread(send, anna, annas.encode())
    await asyncio.to_thread(send, bob, bens.encode())

    for each in (anna_here, anna_there):
        pushed = await each.next("balance")
        assert pushed["transaction_id"] == annas.transaction_id
        assert pushed["balance_minor"] == str(10**24)
        assert pushed["sequence"] == annas.player_sequence
    # The first thing that Ben hears is his own: nothing of Anna's came before it.
    assert (await ben.next("balance"))["transaction_id"] == bens.transaction_id
    assert anna_here.events.empty()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_sigterm_says_goodbye_and_ends_within_seconds(
    client: Make, token: Token, kafka: str, redis: str, free_port: int, transport: str
):
    uvicorn = Path(sys.executable).with_name("uvicorn")
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "REDIS_URL": redis,
        "SESSION_SECRET": SECRET,
        "DRAIN_SECONDS": "0.5",
    }
    node = await asyncio.create_subprocess_exec(
        str(uvicorn),
        *("--factory", "room_service.app:create_app", "--port", str(free_port)),
        *("--timeout-graceful-shutdown", "5"),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{free_port}"
        await _until_ready(url)
        anna = client(url, (transport,))
        await anna.connect({"token": token("player-0001")})

        node.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        async with httpx.AsyncClient() as http:
            while (answer := await http.get(f"{url}/ready")).status_code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (answer.status_code, answer.text) == (503, "draining")
        await asyncio.wait_for(anna.closed.wait(), 10)
        await asyncio.wait_for(node.wait(), 15)
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
    assert time.monotonic() - asked < 12


async def _until_ready(url: str) -> None:
    async with httpx.AsyncClient() as http, asyncio.timeout(30):
        while True:
            try:
                if (await http.get(f"{url}/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
