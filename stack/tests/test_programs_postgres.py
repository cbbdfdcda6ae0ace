"""PostgreSQL's first start: the same SQL as in the container, one role per database, nothing half-made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tiny_stack import free_port

from stack.native.processes import as_user
from stack.programs import NativeService, Program, postgres

ROOT = Path(__file__).parents[2]
SECRETS = {
    "POSTGRES_PASSWORD": "post-secret",
    "VAULT_DATABASE_PASSWORD": "vault'secret",
    "CONCIERGE_DATABASE_PASSWORD": "concierge-secret",
}

pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Cluster:
    """A volume, and how the program on it is run."""

    program: Program
    scripts: Path
    port: int

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([*map(str, self.program.path), os.environ["PATH"]])
        return subprocess.run(
            [*as_user(self.program.user), *command],
            env={**self.program.variables, **SECRETS, "PATH": path},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def data(self) -> Path:
        return Path(self.program.variables["PGDATA"])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    volume, scripts, port = tmp_path / "volume", tmp_path / "scripts", free_port()
    volume.mkdir()
    shutil.copytree(ROOT / "config" / "postgres", scripts)
    service = NativeService(
        name="postgres",
        kind="wheel",
        source=postgres.WHEEL,
        root=ROOT,
        command=(),
        environment={},
        volumes={postgres.VOLUME: volume, postgres.INIT_FOLDER: scripts},
        ports={postgres.PORT: port},
    )
    made = Cluster(postgres.program(service), scripts, port)
    if os.geteuid() == 0 and made.program.user:
        shutil.chown(volume, made.program.user)
    yield made
    made.run("pg_ctl", "-D", str(made.data), "-w", "-m", "immediate", "stop")


def test_each_role_reaches_its_own_database_only(cluster: Cluster) -> None:
    prepared = cluster.run(*cluster.program.prepare[0])
    assert prepared.returncode == 0, prepared.stderr
    options = "-c listen_addresses=127.0.0.1 -c fsync=off"
    log = str(cluster.data / "log")
    started = cluster.run("pg_ctl", "-D", str(cluster.data), "-w", "-l", log, "-o", options, "start")
    assert started.returncode == 0, started.stdout

    def reaches(role: str, password: str, database: str) -> bool:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=cluster.port, user=role, password=password, dbname=database
            ) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    found = {
        (role, database)
        for role in ("vault", "concierge")
        for database in ("vault", "concierge", "postgres", "template1")
        if reaches(role, SECRETS[f"{role.upper()}_DATABASE_PASSWORD"], database)
    }
    assert found == {("vault", "vault"), ("concierge", "concierge")}
    assert not reaches("vault", "wrong", "vault")
    assert not Path(f"/tmp/.s.PGSQL.{cluster.port}").exists()  # noqa: S108 - PostgreSQL's own default


def test_a_script_that_fails_leaves_no_cluster(cluster: Cluster) -> None:
    (cluster.scripts / "20-wrong.sql").write_text("CREATE TABEL mistake;")

    prepared = cluster.run(*cluster.program.prepare[0])

    assert prepared.returncode != 0
    assert "TABEL" in prepared.stderr
    assert not cluster.data.exists()
    assert sys.executable in cluster.program.prepare[0]
