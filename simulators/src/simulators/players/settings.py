"""Settings of the simulated players, from the environment."""

from __future__ import annotations

from pydantic import AnyHttpUrl, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_PLAYERS = 50
"""So many players are seeded in Vault."""


class PlayersSettings(BaseSettings):
    """What the players need to know.

    Attributes:
        vault_url: where sessions come from and bets go to.
        room_service_url: where the sockets connect to.
        players: how many take part, player-0001 first.
        bets_per_second: of all of them together, on average.
        seed: the same seed gives the same players with the same decisions.
        listen: host:port of the admin server.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    vault_url: AnyHttpUrl
    room_service_url: AnyHttpUrl
    players: int = Field(default=8, ge=1, le=MAX_PLAYERS)
    bets_per_second: float = Field(default=2.0, gt=0, le=1000)
    seed: int = 1
    listen: str = Field(default="127.0.0.1:8011", pattern=r"^[^\s:]+:\d{1,5}$")

    @property
    def host(self) -> str:
        """Address that the admin server listens on."""
        return self.listen.rpartition(":")[0]

    @property
    def port(self) -> int:
        """Port that the admin server listens on."""
        return int(self.listen.rpartition(":")[2])
