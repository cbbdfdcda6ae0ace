"""Health check of Redis: a PING on a connection that is kept."""

from __future__ import annotations

from typing import Any

import redis.asyncio
from opentelemetry.instrumentation.utils import suppress_instrumentation
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_TIMEOUT_SECONDS = 1.5


class RedisProbe:
    """Asks Redis whether it answers, without telemetry.

    Args:
        url: of Redis, with its password.
    """

    def __init__(self, url: str) -> None:
        self._client: Any = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # One more attempt finds a connection that Redis closed when it restarted.
            retry=Retry(NoBackoff(), 1),
        )

    async def __call__(self) -> None:
        """Send a PING.

        Raises:
            redis.RedisError: nobody answers, or not in time.
        """
        with suppress_instrumentation():
            await self._client.ping()

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()
