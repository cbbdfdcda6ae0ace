"""Refuses oversized and unreadable frames before python-engineio sees them.

engineio would end the connection of an oversized frame without a word, and let an exception out of the
application for a frame that is none of its protocol. Here the client is told why, then the socket is closed.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casino.problems import MEDIA_TYPE
from room_service.refusals import EVENT, ROUTE, Refusal, body, report

_PACKET_TYPES = frozenset("0123456")
_CLOSE_CODES = {Refusal.PAYLOAD_TOO_LARGE: 1009, Refusal.MALFORMED_REQUEST: 1002}
"""WebSocket close codes (RFC 6455 section 7.4.1): message too big, protocol error."""

_STATUS = {
    Refusal.PAYLOAD_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Refusal.MALFORMED_REQUEST: HTTPStatus.BAD_REQUEST,
}


class FrameGuard:
    """ASGI middleware around `socketio.ASGIApp`.

    Args:
        app: what it guards.
        max_bytes: longest frame or body that is let through.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.app(scope, self._guarded(receive, send), send)
            return
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(ROUTE):
            refusal = self._refuse_body(scope)
            if refusal is not None:
                await _answer(refusal, send)
                return
        await self.app(scope, receive, send)

    def _guarded(self, receive: Receive, send: Send) -> Receive:
        async def guarded() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            refusal = self._refuse_frame(message)
            if refusal is None:
                return message
            await _close(refusal, send)
            return {"type": "websocket.disconnect", "code": _CLOSE_CODES[refusal]}

        return guarded

    def _refuse_frame(self, message: Message) -> Refusal | None:
        text, data = message.get("text"), message.get("bytes")
        if text is None:
            return Refusal.PAYLOAD_TOO_LARGE if len(data or b"") > self.max_bytes else None
        # Only a text that could be too long in UTF-8 needs to be encoded to be measured.
        if 4 * len(text) > self.max_bytes and len(text.encode()) > self.max_bytes:
            return Refusal.PAYLOAD_TOO_LARGE
        return None if text[:1] in _PACKET_TYPES else Refusal.MALFORMED_REQUEST

    def _refuse_body(self, scope: Scope) -> Refusal | None:
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():
            return Refusal.MALFORMED_REQUEST
        return Refusal.PAYLOAD_TOO_LARGE if int(length) > self.max_bytes else None


async def _close(refusal: Refusal, send: Send) -> None:
    report(refusal)
    event: list[Any] = [EVENT, body(refusal)]
    await send({"type": "websocket.send", "text": f"42{orjson.dumps(event).decode()}"})
    await send({"type": "websocket.close", "code": _CLOSE_CODES[refusal], "reason": refusal.value})


async def _answer(refusal: Refusal, send: Send) -> None:
    report(refusal)
    status = _STATUS[refusal]
    problem = {"type": f"urn:pitboss:problem:{refusal.value}", "title": status.phrase, "status": status.value}
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(problem | body(refusal))})
