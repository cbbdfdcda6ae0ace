"""Room-Service's settings."""

from __future__ import annotations

from pydantic import Field, RedisDsn

from casino.settings import ServiceSettings


class RoomServiceSettings(ServiceSettings):
    """What Room-Service needs beside what every service needs."""

    redis_url: RedisDsn = Field(description="redis://:password@host:port/database, joins the nodes")
