"""Room-Service as an ASGI application: health, then socket.io, then FastAPI.

Started by `uvicorn --factory room_service.app:create_app`. socket.io stands outside of FastAPI, whose
middleware would see one endless request per socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import socketio
from starlette.types import ASGIApp

from casino import lifecycle, settings
from casino.consumer import ConsumerThread, Subscription
from casino.events import REWARDS_EVENTS, WALLET_EVENTS
from casino.kafka_client import KafkaProbe
from pitboss.health import HealthMiddleware
from room_service.drain import Drain
from room_service.frames import FrameGuard
from room_service.pushes import Pusher
from room_service.redis_probe import RedisProbe
from room_service.settings import RoomServiceSettings
from room_service.sockets import MAX_PAYLOAD_BYTES, Sockets

NAME = "room-service"
ASSIGNMENT_SECONDS = 15.0
"""How long the start waits for partitions. After that the node serves: chat needs no Kafka."""

STOP_SECONDS = 2.0


def create_app(configuration: RoomServiceSettings | None = None) -> ASGIApp:
    """Make the application; nothing is connected before its lifespan begins.

    Args:
        configuration: the environment's when left out.

    Raises:
        SystemExit: the environment lacks settings or has wrong ones; all are named.
    """
    configuration = configuration or settings.load(RoomServiceSettings)
    servers, redis_url = configuration.kafka_bootstrap_servers, str(configuration.redis_url)
    sockets = Sockets(redis_url, configuration.session_secret)
    pusher = Pusher(sockets.server.emit)
    consumer = ConsumerThread(
        Subscription(servers, group=NAME, topics=(WALLET_EVENTS, REWARDS_EVENTS), start="latest"),
        handle=pusher.handle,
        reject=pusher.reject,
    )
    drain = Drain(sockets)
    kafka, redis = KafkaProbe(servers, f"{NAME}-health"), RedisProbe(redis_url)
    service = lifecycle.Service(
        name=NAME,
        settings=configuration,
        checks={"kafka": kafka, "redis": redis},
        steps=[
            lifecycle.Step("loop", pusher.bind),
            lifecycle.Step("drain", drain.start),
            lifecycle.Step("partitions", partial(_take_partitions, consumer)),
        ],
        workers=[consumer],
        # The consumer again: it may have been begun by a start that never ended.
        closers=[drain.stop, partial(consumer.stop, STOP_SECONDS), sockets.close, redis.close, kafka.close],
    )
    app, health = lifecycle.create_app(service, [])
    drain.attach(health)
    with_sockets = FrameGuard(socketio.ASGIApp(sockets.server, other_asgi_app=app), MAX_PAYLOAD_BYTES)
    return HealthMiddleware(with_sockets, health)


async def _take_partitions(consumer: ConsumerThread) -> None:
    """Be ready only when no push can be missed any more: the group starts at the newest messages."""
    consumer.start()
    # Not in a thread: the process could not end before it.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ASSIGNMENT_SECONDS):
            while not consumer.is_assigned:  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.05)
