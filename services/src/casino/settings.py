"""Settings of a service: from the environment, checked at start, every mistake named at once."""

import sys
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, PostgresDsn, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

EXIT_CODE_BAD_SETTINGS = 2

S = TypeVar("S", bound=BaseSettings)


class ServiceSettings(BaseSettings):
    """What every service needs. A service with more derives its own class from this one."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap_servers: str = Field(
        pattern=r"^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$", description="host:port, separated by commas"
    )
    session_secret: SecretStr = Field(min_length=32, description="signs session tokens, HS256")
    drain_seconds: float = Field(
        default=1.0, ge=0, le=60, description="SIGTERM: how long /ready says 503 before the listener closes"
    )


class DatabaseSettings(ServiceSettings):
    """Settings of a service that has a database of its own."""

    database_url: PostgresDsn = Field(repr=False, description="postgresql://user:password@host:port/database")
    database_pool_size: int = Field(default=10, ge=1, le=100)

    @field_validator("database_url")
    @classmethod
    def _is_read_by_libpq(cls, url: PostgresDsn) -> PostgresDsn:
        # Here, where no value is shown: libpq's own message at connect would quote the password.
        try:
            conninfo_to_dict(str(url))
        except psycopg.ProgrammingError:
            raise ValueError("libpq can't read it: encode special characters as %XX") from None
        return url

    @property
    def database_dsn(self) -> str:
        """The libpq connection URL as text; it holds the password, so it is never logged."""
        return str(self.database_url)


def describe(error: ValidationError) -> str:
    """Name every wrong setting by its environment variable, without the value that was given."""
    lines = [
        f"  {'.'.join(str(part) for part in mistake['loc']).upper()}: {mistake['msg']}"
        for mistake in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return "\n".join([f"{len(lines)} wrong or missing setting(s) in the environment:", *lines])


def load(settings: type[S]) -> S:
    """Read the environment; on any mistake say all of them on stderr and leave with exit code 2.

    Raises:
        SystemExit: code 2, one message that names every mistake; secrets are never shown.
    """
    try:
        return settings()
    except ValidationError as error:
        sys.stderr.write(describe(error) + "\n")
        raise SystemExit(EXIT_CODE_BAD_SETTINGS) from None
