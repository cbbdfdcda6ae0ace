"""The socket.io server: who may connect, which rooms they are in, what they may send."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import socketio
import structlog
from pydantic import SecretStr
from socketio import exceptions

from casino import metrics, tokens
from room_service import chat
from room_service.manager import RoomManager
from room_service.packets import MALFORMED, StrictPacket
from room_service.refusals import EVENT, Refusal, RefusedError, body, report

log = structlog.get_logger()

MAX_PAYLOAD_BYTES = 64 * 1024

_GOODBYE_SECONDS = 0.5


def player_room(player_id: str) -> str:
    """The room that holds all of a player's sockets."""
    return f"player:{player_id}"


def chat_room(room: str) -> str:
    """The room of everybody who reads a chat room."""
    return f"chat:{room}"


@dataclass(frozen=True, slots=True)
class Connection:
    """A socket that was let in; `transport` is the one it connected with."""

    player_id: str
    transport: str


class Sockets:
    """The sockets of this node.

    Args:
        redis_url: joins this node with the others.
        secret: signs session tokens.
    """

    def __init__(self, redis_url: str, secret: SecretStr) -> None:
        self._secret = secret
        self._is_draining = False
        self._connections: dict[str, Connection] = {}
        self._sockets_of: Counter[str] = Counter()
        self._limiter = chat.RateLimiter()
        self._manager = RoomManager(redis_url)
        self.server: Any = socketio.AsyncServer(
            async_mode="asgi",
            client_manager=self._manager,
            serializer=StrictPacket,
            # Frames are refused by `FrameGuard`, with a reason; this limit is a second fence.
            max_http_buffer_size=MAX_PAYLOAD_BYTES + 1,
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.server.on("chat", self._chat)
        self.server.on(MALFORMED, self._malformed)
        self.server.on("*", self._unknown)

    async def drain(self) -> None:
        """Let nobody in any more, and end polling connections, which would hold the shutdown open.

        Their clients connect again, to another node. WebSockets are closed by the HTTP server when it shuts
        down, with code 1012 (service restart), which clients take as a reason to connect again too.
        """
        self._is_draining = True
        polling = [
            sid for sid in list(self.server.eio.sockets) if self.server.eio.transport(sid) == "polling"
        ]
        endings = [asyncio.wait_for(self.server.eio.disconnect(sid), _GOODBYE_SECONDS) for sid in polling]
        await asyncio.gather(*endings, return_exceptions=True)
        log.info("sockets drained", **{"event.name": "socket.drained"}, polling=len(polling))

    async def close(self) -> None:
        """End the background tasks of python-socketio and the connections to Redis."""
        await self.server.shutdown()
        await self._manager.close()

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        del environ
        try:
            session = self._authenticate(auth)
        except RefusedError as refused:
            report(refused.refusal, reason=refused.reason)
            raise exceptions.ConnectionRefusedError(refused.refusal.value, body(refused.refusal)) from None
        connection = Connection(session.player_id, self.server.transport(sid))
        self._connections[sid] = connection
        metrics.realtime_connections.add(1, {"transport": connection.transport})
        self._sockets_of[session.player_id] += 1
        if self._sockets_of[session.player_id] == 1:
            metrics.session_active.add(1, {"channel": "web"})
        await self.server.enter_room(sid, player_room(session.player_id))
        for room in chat.ROOMS:
            await self.server.enter_room(sid, chat_room(room))
        log.info(
            "player connected",
            **{"event.name": "socket.connect", "outcome": "ok", "player.id": session.player_id},
            transport=connection.transport,
        )

    def _authenticate(self, auth: Any) -> tokens.Session:
        if self._is_draining:
            raise RefusedError(Refusal.UNAVAILABLE)
        claimed = auth if isinstance(auth, dict) else {}
        try:
            session = tokens.verify(claimed.get("token"), self._secret)
        except tokens.InvalidTokenError as error:
            raise RefusedError(Refusal.UNAUTHENTICATED, error.reason.value) from None
        if claimed.get("player_id", session.player_id) != session.player_id:
            raise RefusedError(Refusal.FORBIDDEN)
        return session

    async def _disconnect(self, sid: str, reason: str) -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:
            return
        metrics.realtime_connections.add(-1, {"transport": connection.transport})
        self._sockets_of[connection.player_id] -= 1
        if not self._sockets_of[connection.player_id]:
            del self._sockets_of[connection.player_id]
            metrics.session_active.add(-1, {"channel": "web"})
        log.info(
            "player disconnected",
            **{"event.name": "socket.disconnect", "outcome": "ok", "player.id": connection.player_id},
            reason=reason,
        )

    async def _chat(self, sid: str, *arguments: Any) -> dict[str, str]:
        room, player_id = chat.room_label(arguments), self._player(sid)
        try:
            message = await self._say(player_id, arguments)
        except RefusedError as refused:
            refusal, outcome = refused.refusal, "error"
            if refusal is Refusal.RATE_LIMITED:
                outcome = "rate_limited"
        except Exception as error:  # the sender must learn that nothing was delivered
            refusal, outcome = Refusal.INTERNAL, "error"
            log.exception("chat failed", exc_info=error, **{"event.name": "chat.failed"})
        else:
            metrics.chat_messages.add(1, {"room": room, "outcome": "delivered"})
            return {"status": "ok", "message_id": message.message_id}
        metrics.chat_messages.add(1, {"room": room, "outcome": outcome})
        report(refusal, player_id=player_id)
        return {"status": "error", **body(refusal)}

    async def _say(self, player_id: str | None, arguments: tuple[Any, ...]) -> chat.ChatMessage:
        if player_id is None:
            raise RefusedError(Refusal.UNAUTHENTICATED)
        self._limiter.take(player_id)
        message = chat.read(player_id, arguments)
        await self.server.emit("chat", message.payload(), room=chat_room(message.room))
        # The text is the players' own: it is not logged.
        log.info(
            "chat delivered",
            **{"event.name": "chat.message", "outcome": "ok", "player.id": player_id, "room": message.room},
            message_id=message.message_id,
            characters=len(message.text),
        )
        return message

    async def _malformed(self, sid: str, *_: Any) -> dict[str, str]:
        return await self._refuse(sid, Refusal.MALFORMED_REQUEST)

    async def _unknown(self, event: str, sid: str, *_: Any) -> dict[str, str]:
        del event  # whatever the client likes: not logged, not counted
        return await self._refuse(sid, Refusal.UNKNOWN_EVENT)

    async def _refuse(self, sid: str, refusal: Refusal) -> dict[str, str]:
        report(refusal, player_id=self._player(sid))
        await self.server.emit(EVENT, body(refusal), to=sid, ignore_queue=True)
        return {"status": "error", **body(refusal)}

    def _player(self, sid: str) -> str | None:
        connection = self._connections.get(sid)
        return connection.player_id if connection else None
