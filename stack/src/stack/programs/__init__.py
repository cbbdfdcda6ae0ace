"""How a service's program is had: the agreement between the engine and what builds or finds programs.

The engine asks `ensure` for the programs of the services that it is about to start. Each adapter gets
services whose command, environment, paths and ports are already translated to native ones.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from stack.progress import Reporter

Kind = Literal["go", "ocb", "jars", "wheel", "debian", "python"]


@dataclass(frozen=True)
class NativeService:
    """One service of the compose file, translated to this machine."""

    name: str
    kind: Kind
    source: str
    """The value beside `kind` in x-native: a recipe's folder in the checkout, or a package's name."""
    root: Path
    """The checkout: the folder of docker-compose.yml."""
    command: tuple[str, ...]
    """Arguments of the program, as in the compose file (empty where the image's default is used)."""
    environment: Mapping[str, str]
    volumes: Mapping[str, Path]
    """Path in the container -> folder or file on this machine."""
    ports: Mapping[int, int]
    """Port in the container -> published port."""
    bind: str = "127.0.0.1"
    """The address to listen on."""


@dataclass(frozen=True)
class Program:
    """What the engine needs to run a service. Final values: the engine translates nothing in here."""

    command: tuple[str, ...] = ()
    """What an image calls ENTRYPOINT: goes in front of the service's own command."""
    path: tuple[Path, ...] = ()
    """Folders to put in front of PATH, for the program, `prepare` and the health check."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Environment in addition to the service's (the service's wins)."""
    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands that run once, in order, while the service's volumes are empty; with `variables` and the
    service's environment, as `user`. They must leave no process behind."""
    user: str | None = None
    """Who runs it when the engine is root (for example `nobody`); ignored otherwise. The engine gives this
    user the service's volumes, and the right to read and enter any folder (CAP_DAC_READ_SEARCH)."""
    stop_signal: signal.Signals = signal.SIGTERM
    """What asks it to stop; PostgreSQL's fast shutdown is SIGINT."""
    folder: Path | None = None
    """Working folder; the checkout when not given."""


class Ensure(Protocol):
    """Find, fetch or build the programs of `services`; the result has one entry per service.

    Raises `stack.errors.StackError` (what, cause, advice, tail, log) when one cannot be had. Called under
    no lock: builders lock the cache themselves. Announces its work with `report.plan` before it starts.
    """

    def __call__(self, services: Sequence[NativeService], report: Reporter) -> dict[str, Program]: ...


def ensure(services: Sequence[NativeService], report: Reporter) -> dict[str, Program]:
    """Find, fetch or build the programs of services; see `Ensure`."""
    from stack.programs.kinds import programs_of  # noqa: PLC0415 - they import the agreement above

    return programs_of(services, report)


def verify(services: Sequence[NativeService], report: Reporter) -> list[str]:
    """Compare every cached file of the services' programs with its SHA-256; forget what differs.

    Returns the names of the programs that `ensure` will build again.
    """
    from stack.programs.kinds import verify_programs  # noqa: PLC0415

    return verify_programs(services, report)
