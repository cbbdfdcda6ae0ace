"""Who may connect and what they may send, over real sockets, with Redis and Kafka away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
import pytest
import socketio.exceptions
from pydantic import SecretStr

from casino import tokens
from room_service import chat

WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
NO_REDIS = "redis://127.0.0.1:1/0"
SECRET = SecretStr("a secret for tests that is long enough")
WITHOUT_TOKEN: list[Any] = [
    None,
    "text",
    [],
    {"token": None},
    {"token": 5},
    {"token": "x.y.z"},
    {"token": "x" * 9999},
]

Start = Callable[..., Any]
Make = Callable[..., Any]
Token = Callable[[str], str]


@pytest.mark.parametrize("auth", WITHOUT_TOKEN)
async def test_without_a_token_nobody_gets_in(start: Start, client: Make, auth: Any):
    stranger = client(await start(NO_REDIS))

    with pytest.raises(socketio.exceptions.ConnectionError):
        await stranger.connect(auth)
    assert stranger.refusal["code"] == "unauthenticated"


async def test_a_token_that_expired_or_is_forged_is_refused(start: Start, client: Make):
    url = await start(NO_REDIS)
    expired, _ = tokens.issue("player-0001", SECRET, lifetime=timedelta(seconds=-10))
    forged, _ = tokens.issue("player-0001", SecretStr("another secret that is long enough too"))

    for token in (expired, forged):
        stranger = client(url)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await stranger.connect({"token": token})
        assert stranger.refusal["code"] == "unauthenticated"


async def test_a_token_of_another_player_is_refused(start: Start, client: Make, token: Token):
    thief = client(await start(NO_REDIS))

    with pytest.raises(socketio.exceptions.ConnectionError):
        await thief.connect({"token": token("player-0002"), "player_id": "player-0001"})
    assert thief.refusal["code"] == "forbidden"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_chat_reaches_everybody_in_the_room_and_is_acknowledged(
    start: Start, client: Make, token: Token, transport: str
):
    url = await start(NO_REDIS)
    anna, ben = client(url, (transport,)), client(url, (transport,))
    await anna.connect({"token": token("player-0001")})
    await ben.connect({"token": token("player-0002")})

    ack = await anna.socket.call("chat", {"room": "lobby", "text": "good luck 🍀"}, timeout=10)

    heard = await ben.next("chat")
    assert ack == {"status": "ok", "message_id": heard["message_id"]}
    assert (heard["player_id"], heard["text"]) == ("player-0001", "good luck 🍀")
    assert await anna.next("chat") == heard


async def test_chat_that_is_refused_says_why_and_reaches_nobody(start: Start, client: Make, token: Token):
    url = await start(NO_REDIS)
    anna, ben = client(url), client(url)
    await anna.connect({"token": token("player-0001")})
    await ben.connect({"token": token("player-0002")})

    refused = await anna.socket.call("chat", {"room": "vip", "text": "let me in"}, timeout=10)
    accepted = await anna.socket.call("chat", {"room": "lobby", "text": "then here"}, timeout=10)

    assert (refused["status"], refused["code"]) == ("error", "unknown_room")
    assert accepted["status"] == "ok"
    assert (await ben.next("chat"))["text"] == "then here"


async def test_chat_is_limited_per_player_over_all_their_sockets(start: Start, client: Make, token: Token):
    url = await start(NO_REDIS)
    first, second, other = client(url), client(url), client(url)
    for each, player in ((first, "player-0001"), (second, "player-0001"), (other, "player-0002")):
        await each.connect({"token": token(player)})

    acks = [
        await each.socket.call("chat", {"room": "lobby", "text": "again"}, timeout=10)
        for _ in range(chat.BURST)
        for each in (first, second)
    ]

    assert acks[0]["status"] == "ok"
    assert acks[-1]["code"] == "rate_limited"
    assert (await other.socket.call("chat", {"room": "lobby", "text": "me"}, timeout=10))["status"] == "ok"


async def test_an_unknown_event_is_answered_and_the_socket_stays(start: Start, client: Make, token: Token):
    anna = client(await start(NO_REDIS))
    await anna.connect({"token": token("player-0001")})

    ack = await anna.socket.call("give_me_money", {"amount": "1000"}, timeout=10)

    assert ack["code"] == "unknown_event"
    assert (await anna.next("problem"))["code"] == "unknown_event"
    assert (await anna.socket.call("chat", {"room": "lobby", "text": "still here"}, timeout=10))[
        "status"
    ] == "ok"


class Raw:
    """A WebSocket that speaks the protocol by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def connect(self, token: str) -> None:
        await self.socket.receive_str()
        await self.socket.send_str(f"40{json.dumps({'token': token})}")
        assert (await self.socket.receive_str()).startswith("40")

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            while True:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT or message.data != "2":
                    return message


@pytest.mark.parametrize("text", ["42{", "42[]", '42["disconnect"]', "4x", "4", '451-["chat",{}]'])
async def test_a_malformed_packet_is_answered_and_the_socket_stays(start: Start, token: Token, text: str):
    url = await start(NO_REDIS)
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}{WEBSOCKET}") as opened:
        raw = Raw(opened)
        await raw.connect(token("player-0001"))

        await opened.send_str(text)

        name, problem = json.loads((await raw.next()).data[2:])
        assert (name, problem["code"]) == ("problem", "malformed_request")
        await opened.send_str('421["chat",{"room":"lobby","text":"still here"}]')
        assert json.loads((await raw.next()).data[2:])[0] == "chat"
        assert '"status":"ok"' in (await raw.next()).data


async def test_an_oversized_frame_is_explained_and_ends_that_socket_only(
    start: Start, client: Make, token: Token
):
    url = await start(NO_REDIS)
    anna = client(url)
    await anna.connect({"token": token("player-0001")})
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}{WEBSOCKET}") as opened:
        raw = Raw(opened)
        await raw.connect(token("player-0002"))

        await opened.send_str(f'42["chat",{{"room":"lobby","text":"{"x" * 70_000}"}}]')

        name, problem = json.loads((await raw.next()).data[2:])
        assert (name, problem["code"]) == ("problem", "payload_too_large")
        assert (await raw.next()).type is aiohttp.WSMsgType.CLOSE
        assert opened.close_code == 1009

    assert (await anna.socket.call("chat", {"room": "lobby", "text": "hello"}, timeout=10))["status"] == "ok"


async def test_an_oversized_body_is_a_problem(start: Start):
    url = await start(NO_REDIS)
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/socket.io/?EIO=4&transport=polling&sid=x", content=b"4" * 70_000)

    assert answer.status_code == 413
    assert answer.json()["code"] == "payload_too_large"


async def test_health_names_what_is_away_and_liveness_does_not_care(start: Start):
    url = await start(NO_REDIS)
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{url}/liveness")).text == "OK"
        health = await http.get(f"{url}/health", timeout=10)

    assert health.status_code == 500
    assert {name: check["status"] for name, check in health.json()["checks"].items()} == {
        "kafka": "error",
        "redis": "error",
    }
