"""`python -m stack.programs.init_postgres FOLDER`: what the container image's entry point does once.

Creates the cluster in PGDATA with the password POSTGRES_PASSWORD, starts it without a network address, runs
the SQL files of FOLDER in order, stops it. Half-made clusters are removed, so that it can run again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUPERUSER = "postgres"
AUTO_CONF = "\n# Natively: no socket file outside the data folder's reach.\nunix_socket_directories = ''\n"


def main() -> None:
    """Create and fill the cluster; exit with the failed program's code."""
    data, scripts = Path(os.environ["PGDATA"]), Path(sys.argv[1])
    password = os.environ["POSTGRES_PASSWORD"]
    os.umask(0o077)
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A socket's path may have 107 characters, a checkout's can be longer.
        with tempfile.TemporaryDirectory(prefix="pitboss-postgres-") as short:
            _create(data, Path(short), password)
            _fill(data, Path(short), password, sorted(scripts.glob("*.sql")))
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(AUTO_CONF)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(data, ignore_errors=True)
        sys.exit(f"{error.cmd[0]} ended with code {error.returncode}")
    except BaseException:
        shutil.rmtree(data, ignore_errors=True)
        raise


def _create(data: Path, short: Path, password: str) -> None:
    secret = short / "password"
    secret.write_text(password)
    authentication = ("--auth-host=scram-sha-256", "--auth-local=scram-sha-256", f"--pwfile={secret}")
    locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums")
    command = ["initdb", "-D", str(data), "-U", SUPERUSER, *authentication, *locale]
    subprocess.run(command, check=True)
    secret.unlink()


def _fill(data: Path, short: Path, password: str, scripts: list[Path]) -> None:
    options = f"-c listen_addresses='' -c unix_socket_directories='{short}' -c fsync=off"
    subprocess.run(["pg_ctl", "-D", str(data), "-w", "-o", options, "start"], check=True)
    try:
        environment = {**os.environ, "PGHOST": str(short), "PGPASSWORD": password, "PGUSER": SUPERUSER}
        for script in scripts:
            command = [
                "psql",
                "--no-psqlrc",
                "--quiet",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                SUPERUSER,
                "-f",
                str(script),
            ]
            subprocess.run(command, check=True, env=environment)
    finally:
        subprocess.run(["pg_ctl", "-D", str(data), "-w", "-m", "fast", "stop"], check=True)


if __name__ == "__main__":
    main()
