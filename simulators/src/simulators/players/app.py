"""The crowd of players and the small admin server beside it: pause, resume, the last bet."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from pitboss.health import Health, HealthMiddleware
from simulators.players.player import LastBet, Player
from simulators.players.settings import PlayersSettings
from simulators.problem import problem

NAME = "players"
REQUEST_TIMEOUT_SECONDS = 10.0


class Crowd:
    """All players of this process.

    Args:
        settings: who plays, how fast, against which casino.
    """

    def __init__(self, settings: PlayersSettings) -> None:
        self._settings = settings
        self._may_play = asyncio.Event()
        self._may_play.set()
        self.last_bet: LastBet | None = None

    @property
    def is_paused(self) -> bool:
        """Whether no new round is begun; sockets stay connected."""
        return not self._may_play.is_set()

    def pause(self) -> None:
        """Begin no more rounds; those that were begun are played to their end."""
        self._may_play.clear()

    def resume(self) -> None:
        """Play again."""
        self._may_play.set()

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """The players play while the body runs."""
        settings = self._settings
        limits = httpx.Limits(max_connections=settings.players * 2)
        async with httpx.AsyncClient(
            base_url=str(settings.vault_url), timeout=REQUEST_TIMEOUT_SECONDS, limits=limits
        ) as http:
            lives = [asyncio.create_task(player.live()) for player in self._players(http)]
            try:
                yield
            finally:
                for life in lives:
                    life.cancel()
                await asyncio.gather(*lives, return_exceptions=True)

    def _players(self, http: httpx.AsyncClient) -> list[Player]:
        settings = self._settings
        return [
            Player(
                player_id=f"player-{number:04}",
                http=http,
                room_service_url=str(settings.room_service_url),
                chance=random.Random(f"{settings.seed}:{number}"),  # noqa: S311 - a simulation
                mean_pause=settings.players / settings.bets_per_second,
                may_play=self._may_play,
                accepted=self._remember,
            )
            for number in range(1, settings.players + 1)
        ]

    def _remember(self, bet: LastBet) -> None:
        self.last_bet = bet


def create_app(settings: PlayersSettings) -> ASGIApp:
    """The admin server as an ASGI application; the players play during its lifespan."""
    crowd: Crowd
    health = Health(NAME, {})

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal crowd
        crowd = Crowd(settings)
        async with crowd.playing():
            health.serving()
            yield

    app = FastAPI(title="Players", lifespan=lifespan, openapi_url=None)

    @app.post("/pause")
    async def pause() -> dict[str, bool]:
        crowd.pause()
        return {"paused": crowd.is_paused}

    @app.post("/resume")
    async def resume() -> dict[str, bool]:
        crowd.resume()
        return {"paused": crowd.is_paused}

    @app.get("/last-bet")
    async def last_bet() -> Response:
        bet = crowd.last_bet
        if bet is None:
            return problem(404, "no_bet", "No bet was accepted yet; ask again in a moment.")
        return JSONResponse(
            {
                "trace_id": bet.trace_id,
                "transaction_id": bet.transaction_id,
                "player_id": bet.player_id,
                "time": bet.at.isoformat(),
            }
        )

    return HealthMiddleware(app, health)
