"""The part of the compose file that we use, as types. A key that is not here is an error, not ignored."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stack.programs import Kind

KINDS: tuple[Kind, ...] = ("go", "ocb", "jars", "wheel", "debian", "python")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
_SIZES = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def _seconds(value: object) -> object:
    if isinstance(value, int | float):
        return float(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|h|m|s)", str(value))
    if "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is no duration such as 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _bytes(value: object) -> object:
    match = re.fullmatch(r"(\d+)\s*([kmg]?)b?", str(value).lower())
    if not match:
        raise ValueError(f"{value!r} is no size such as 256m")
    return int(match[1]) * _SIZES[match[2]]


def _arguments(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError('write true and false in quotes: "true"')  # noqa: TRY004 - pydantic wants ValueError
    return str(value) if isinstance(value, int | float) else value


def _dependencies(value: object) -> object:
    return {name: {"condition": "service_started"} for name in value} if isinstance(value, list) else value


def _test(value: object) -> object:
    return ["CMD-SHELL", value] if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds)]
Bytes = Annotated[int, BeforeValidator(_bytes)]
Text = Annotated[str, BeforeValidator(_text)]
Arguments = Annotated[tuple[Text, ...], BeforeValidator(_arguments)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dependency(_Strict):
    """What must be true of another service before this one starts."""

    condition: Literal["service_started", "service_healthy"] = "service_started"


class Healthcheck(_Strict):
    """How to see that a service is healthy; times in seconds. Defaults are Docker's."""

    test: Annotated[tuple[Text, ...], BeforeValidator(_test)]
    interval: Seconds = 30.0
    timeout: Seconds = 30.0
    retries: int = 3
    start_period: Seconds = 0.0

    @property
    def patience(self) -> float:
        """Seconds from start after which a service that never was healthy has failed."""
        return self.start_period + self.retries * self.interval

    @model_validator(mode="after")
    def _known_form(self) -> Healthcheck:
        if not self.test or self.test[0] not in ("CMD", "CMD-SHELL") or len(self.test) < 2:
            raise ValueError("test must be [CMD, program, ...] or [CMD-SHELL, line]")
        return self


class Native(_Strict):
    """`x-native`: how the program is had without containers and what differs."""

    kind: Kind
    source: str
    command: Arguments | None = None
    environment: dict[str, Text] = Field(default_factory=dict)
    prepare: tuple[Arguments, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kinds = [kind for kind in KINDS if kind in value]
        if len(kinds) != 1:
            raise ValueError(f"needs exactly one of {', '.join(KINDS)}")
        rest = {key: entry for key, entry in value.items() if key != kinds[0]}
        return {**rest, "kind": kinds[0], "source": value[kinds[0]]}


class Port(_Strict):
    """A published TCP port."""

    host: str
    published: int
    container: int

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        match = re.fullmatch(
            r"(?:(?P<host>[^:]+):)?(?P<published>\d+):(?P<container>\d+)(?:/tcp)?", str(value)
        )
        if not match:
            raise ValueError(f"{value!r} is not address:port:port")
        return {**match.groupdict(), "host": match["host"] or "0.0.0.0"}  # noqa: S104 - Docker's default


class Mount(_Strict):
    """A named volume or a file or folder of the checkout, and where it appears in the container."""

    source: str
    target: str
    is_named: bool

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        match = re.fullmatch(r"(?P<source>[^:]+):(?P<target>/[^:]*)(?::(?:ro|rw))?", str(value))
        if not match:
            raise ValueError(f"{value!r} is not source:/path or source:/path:ro")
        return {**match.groupdict(), "is_named": not match["source"].startswith((".", "/", "~"))}


class Service(_Strict):
    """One service. What concerns only containers is accepted and, natively, without effect."""

    image: str | None = None
    build: Any = None
    command: Arguments = ()
    environment: dict[str, Text] = Field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    volumes: tuple[Mount, ...] = ()
    depends_on: Annotated[dict[str, Dependency], BeforeValidator(_dependencies)] = Field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    mem_limit: Bytes | None = None
    stop_grace_period: Seconds = 10.0
    profiles: tuple[str, ...] = ()
    restart: Literal["no"] = "no"
    logging: Any = None
    labels: Any = None
    init: bool = False
    read_only: bool = False
    user: Text | None = None
    native: Native | None = Field(default=None, alias="x-native")


class ComposeFile(_Strict):
    """The whole file, without its top-level x- keys."""

    name: str
    services: dict[str, Service]
    volumes: dict[str, None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> ComposeFile:
        for name, service in self.services.items():
            for other in service.depends_on:
                if other not in self.services:
                    raise ValueError(f"{name} depends on {other}, which is no service")
                condition = service.depends_on[other].condition
                if condition == "service_healthy" and self.services[other].healthcheck is None:
                    raise ValueError(f"{name} waits until {other} is healthy, which has no healthcheck")
            for mount in service.volumes:
                if mount.is_named and mount.source not in self.volumes:
                    raise ValueError(f"{name} mounts {mount.source}, which is not under volumes:")
        return self
