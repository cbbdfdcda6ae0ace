"""One player: a session, a socket, and a round whenever the mood is right."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import httpx
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id

from simulators.players.browser import PlayerSocket
from simulators.players.screen import Screen
from simulators.players.temper import STAKES, Decision, Temper
from simulators.players.wallet import Receipt, RefusedError, UnavailableError, Wallet

log = structlog.get_logger()
tracer = trace.get_tracer("simulators.players")

REST_SECONDS = 30.0
"""How long a player who is broke stays away before looking at the balance again. Nobody is topped up."""


@dataclass(frozen=True, slots=True)
class LastBet:
    """The newest bet that Vault accepted; `trace_id` is None without telemetry."""

    trace_id: str | None
    transaction_id: str
    player_id: str
    at: datetime


class Player:
    """A player.

    Args:
        player_id: one that Vault knows.
        http: client whose base URL is Vault's.
        room_service_url: where the socket connects to.
        chance: the player's own source of chance.
        mean_pause: seconds between two bets, on average.
        may_play: set while the players are not paused.
        accepted: told about each bet that Vault accepted.
    """

    def __init__(
        self,
        *,
        player_id: str,
        http: httpx.AsyncClient,
        room_service_url: str,
        chance: random.Random,
        mean_pause: float,
        may_play: asyncio.Event,
        accepted: Callable[[LastBet], None],
    ) -> None:
        self.player_id = player_id
        self.screen = Screen()
        self._chance = chance
        self._temper = Temper(chance)
        self._wallet = Wallet(http, player_id)
        self._socket = PlayerSocket(room_service_url, player_id, self.screen, self._session)
        self._mean_pause = mean_pause
        self._may_play = may_play
        self._accepted = accepted

    async def live(self) -> None:
        """Play until cancelled; nothing that the casino does ends it."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._socket.stay_connected())
                    group.create_task(self._play())
            except ExceptionGroup as errors:
                log.exception(
                    "player failed, starting again", **{"event.name": "player.failed"}, exc_info=errors
                )
            await asyncio.sleep(REST_SECONDS / 10)

    async def _session(self) -> str:
        while True:
            try:
                return await self._wallet.open_session()
            except (UnavailableError, RefusedError) as error:
                self._log("session not opened", "session.open", outcome="error", error=str(error))
                await asyncio.sleep(self._chance.uniform(1, 3))

    async def _play(self) -> None:
        await self._session()
        while True:
            await asyncio.sleep(self._temper.pause(self._mean_pause))
            await self._may_play.wait()
            try:
                await self._next_round()
            except RefusedError as refused:
                if refused.code == "unauthenticated":
                    await self._session()
            except UnavailableError:
                await asyncio.sleep(self._chance.uniform(0.5, 2))

    async def _next_round(self) -> None:
        if not self.screen.balances:
            await self._look_at_balances()
        decision = self._temper.decide(self.screen.balances)
        if decision is None:
            self._log("broke, taking a rest", "player.rest", outcome="broke")
            await asyncio.sleep(REST_SECONDS)
            await self._look_at_balances()
            return
        await self._round(decision)
        if saying := self._temper.saying():
            await self._socket.say(saying)

    async def _look_at_balances(self) -> None:
        for currency in STAKES:
            # Sequence 0 is before any push: a push that overtook this call stays on the screen.
            self.screen.show(currency, await self._wallet.balance(currency), 0)

    async def _round(self, decision: Decision) -> None:
        """Click "bet": the whole round is one trace, begun here and carried on by all that it causes."""
        round_id = self._uuid()
        attributes = {
            "casino.round.id": round_id,
            "game.id": decision.game.game_id,
            "currency": decision.currency,
        }
        with tracer.start_as_current_span("place bet", Context(), SpanKind.INTERNAL, attributes) as span:
            try:
                await self._move("bet", decision, round_id, decision.stake_minor)
                payout = decision.game.play(decision.stake_minor, self._chance)
                if payout:
                    await self._move("win", decision, round_id, payout)
            except RefusedError as refused:
                # A declined bet is the casino's everyday life, not an error of this client.
                span.set_attribute("casino.bet.declined", refused.code)
                if refused.code not in {"insufficient_funds", "over_limit"}:
                    span.set_status(Status(StatusCode.ERROR, refused.code))
                self._log("bet declined", "bet.declined", outcome=refused.code, **{"round.id": round_id})
                raise
            except UnavailableError as error:
                span.set_status(Status(StatusCode.ERROR, "unavailable"))
                self._log("vault unavailable", "bet.unavailable", outcome="error", error=str(error))
                raise

    async def _move(self, operation: str, decision: Decision, round_id: str, amount: int) -> Receipt:
        receipt = await self._wallet.move(
            operation,
            transaction_id=self._uuid(),
            round_id=round_id,
            game_id=decision.game.game_id,
            currency=decision.currency,
            amount_minor=str(amount),
        )
        self.screen.show(receipt.currency, receipt.balance_minor, receipt.sequence)
        if operation == "bet":
            context = trace.get_current_span().get_span_context()
            trace_id = format_trace_id(context.trace_id) if context.is_valid else None
            self._accepted(LastBet(trace_id, receipt.transaction_id, self.player_id, datetime.now(UTC)))
        self._log(
            f"{operation} accepted",
            f"{operation}.accepted",
            outcome="ok",
            currency=decision.currency,
            amount_minor=str(amount),
            **{"tx.id": receipt.transaction_id, "round.id": round_id},
        )
        return receipt

    def _uuid(self) -> str:
        # Not from the seed: a second run with it against the same ledger would only repeat transactions.
        return str(UUID(int=random.SystemRandom().getrandbits(128), version=4))

    def _log(self, message: str, event: str, **fields: str) -> None:
        log.info(message, **{"event.name": event, "player.id": self.player_id}, **fields)
