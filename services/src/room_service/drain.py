"""Takes the sockets off this node when it drains, before the server closes its listener."""

from __future__ import annotations

import asyncio

from pitboss.health import Health, State
from room_service.sockets import Sockets

_LOOK_SECONDS = 0.05


class Drain:
    """A task on the event loop that waits for the process to drain.

    Args:
        sockets: what is drained.
    """

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._health: Health | None = None
        self._task: asyncio.Task[None] | None = None

    def attach(self, health: Health) -> None:
        """Say whose state is watched."""
        self._health = health

    async def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._run(), name="drain")

    async def stop(self) -> None:
        """End watching."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        # The state is set by a signal handler, which can't wake anybody: so it is looked at.
        while self._health is None or self._health.state is not State.DRAINING:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        await self._sockets.drain()
