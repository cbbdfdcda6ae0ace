"""`GET /players/{player_id}/rewards`: what a player has, and how far the next tier is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, SecretStr

from casino import sessions
from casino.database import Connection, Database
from casino.events import IDENTIFIER, MinorUnits, Tier
from casino.money import REPORTING_CURRENCY, Currency
from casino.tokens import Session
from concierge.standing import Standing

_READ = "SELECT volume_minor, sequence FROM rewards WHERE player_id = %s"


class Rewards(BaseModel):
    """A player's rewards. Amounts are decimal strings; `sequence` counts the bets that made them."""

    player_id: str
    volume_minor: MinorUnits
    volume_currency: Currency
    volume_exponent: int
    vip_points: MinorUnits
    tier: Tier
    next_tier: Tier | None
    volume_to_next_minor: MinorUnits
    sequence: int


def router(database: Database, secret: SecretStr) -> APIRouter:
    """The routes, reading from `database`, for holders of tokens signed with `secret`."""
    routes = APIRouter()
    authenticated = Depends(sessions.authenticate(secret))

    @routes.get("/players/{player_id}/rewards")
    async def rewards(
        player_id: Annotated[str, Path(pattern=IDENTIFIER)],
        session: Session = authenticated,
    ) -> Rewards:
        """Volume, points, tier and the volume that is missing for the next tier."""
        sessions.require_owner(session, player_id)

        async def read(connection: Connection) -> tuple[int, int]:
            row = await (await connection.execute(_READ, (player_id,))).fetchone()
            return (int(row[0]), int(row[1])) if row else (0, 0)

        volume, sequence = await database.run(read)
        standing = Standing(volume)
        return Rewards(
            player_id=player_id,
            volume_minor=standing.volume_minor,
            volume_currency=REPORTING_CURRENCY,
            volume_exponent=REPORTING_CURRENCY.exponent,
            vip_points=standing.vip_points,
            tier=standing.tier,
            next_tier=standing.next_tier,
            volume_to_next_minor=standing.volume_to_next_minor,
            sequence=sequence,
        )

    return routes
