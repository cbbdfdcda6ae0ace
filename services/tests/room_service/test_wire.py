"""Packets and frames that are none: read or refused, never an exception."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from socketio import packet

from room_service.frames import FrameGuard
from room_service.packets import MALFORMED, StrictPacket


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "2",
        "2{",
        "2[]",
        "2{}",
        "2[5]",
        "2null",
        '2["connect",{"token":"x"}]',
        '2["disconnect","me"]',
        '51-["chat",{"_placeholder":true,"num":0}]',
        '599999999-["chat"]',
        '61-1["x"]',
        "3",
        '3["no id"]',
        "4",
        "9",
        "x",
        b"\x00\x01",
        "2" + "[" * 60_000,
        "2" + "1" * 200 + '["chat"]',
    ],
)
def test_what_is_no_event_of_a_client_becomes_malformed(encoded: str | bytes):
    decoded = StrictPacket(encoded_packet=encoded)

    assert decoded.packet_type == packet.EVENT
    assert decoded.data == [MALFORMED]
    assert decoded.attachment_count == 0


def test_a_connect_that_can_not_be_read_is_one_without_a_token():
    decoded = StrictPacket(encoded_packet="0{token")

    assert (decoded.packet_type, decoded.data) == (packet.CONNECT, None)


def test_events_connects_and_acknowledgements_pass_unchanged():
    for encoded in ('212["chat",{"room":"lobby"}]', '0{"token":"x"}', "1", '37["ok"]'):
        assert StrictPacket(encoded_packet=encoded).encode() == encoded


@given(st.text(max_size=60) | st.binary(max_size=60))
@example("5-[]")
@example("2/a?b,[1]")
def test_any_text_is_decoded_without_an_exception(encoded: str | bytes):
    StrictPacket(encoded_packet=encoded)


class Application:
    """Records what came through the guard."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.called = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.called = True
        if scope["type"] == "websocket":
            self.messages.append(await receive())


async def through_guard(scope: dict[str, Any], message: dict[str, Any]) -> tuple[Application, list[Any]]:
    app, sent = Application(), []

    async def receive() -> dict[str, Any]:
        return message

    async def send(answer: Any) -> None:
        sent.append(answer)

    await FrameGuard(app, max_bytes=100)(scope, receive, send)
    return app, sent


@pytest.mark.parametrize(
    ("frame", "code", "close"),
    [
        ({"text": "4" + "x" * 100}, "payload_too_large", 1009),
        ({"text": "4" + "奖" * 40}, "payload_too_large", 1009),
        ({"bytes": b"x" * 101}, "payload_too_large", 1009),
        ({"text": ""}, "malformed_request", 1002),
        ({"text": "hello"}, "malformed_request", 1002),
    ],
)
async def test_a_frame_that_is_refused_is_explained_and_the_socket_closed(
    frame: dict[str, Any], code: str, close: int
):
    app, sent = await through_guard({"type": "websocket"}, {"type": "websocket.receive", **frame})

    assert app.messages == [{"type": "websocket.disconnect", "code": close}]
    name, problem = orjson.loads(sent[0]["text"][2:])
    assert (name, problem["code"]) == ("problem", code)
    assert (sent[1]["type"], sent[1]["code"]) == ("websocket.close", close)


@pytest.mark.parametrize(
    "frame", [{"text": "4" + "x" * 99}, {"text": "3"}, {"bytes": b"x" * 100, "text": None}]
)
async def test_a_frame_within_the_limit_passes(frame: dict[str, Any]):
    message = {"type": "websocket.receive", **frame}

    app, sent = await through_guard({"type": "websocket"}, message)

    assert app.messages == [message]
    assert sent == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [([(b"content-length", b"101")], 413), ([(b"content-length", b"-5")], 400), ([], 400)],
)
async def test_a_body_that_is_refused_is_a_problem(headers: list[Any], status: int):
    scope = {"type": "http", "method": "POST", "path": "/socket.io/", "headers": headers}

    app, sent = await through_guard(scope, {})

    assert not app.called
    assert sent[0]["status"] == status
    assert dict(sent[0]["headers"])[b"content-type"] == b"application/problem+json"
    assert orjson.loads(sent[1]["body"])["status"] == status
