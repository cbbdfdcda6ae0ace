"""No secret that a service holds or is sent gets into its output or its telemetry."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import socketio
from psycopg import sql
from pydantic import SecretStr

from casino import tokens

pytestmark = pytest.mark.server

BIN = Path(sys.executable).parent
SECRET = SecretStr(f"planted-signing-secret-{uuid.uuid4().hex}")
PASSWORD = f"planted-password-{uuid.uuid4().hex}"
PLAYER = "player-0001"


@pytest.fixture
def exported() -> Iterator[Any]:
    """A collector: its address, and every byte that it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """URL of a database whose role has the planted password."""
    name = f"secrets_{uuid.uuid4().hex[:12]}"
    role = sql.Identifier(name)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(role))
    yield str(httpx.URL(postgres).copy_with(username=name, password=PASSWORD, path=f"/{name}"))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@contextlib.contextmanager
def running(
    application: str, output: Path, collector: str, ready: int = 200, **settings: str
) -> Iterator[str]:
    """Run a service as the stack does, and end it as the stack does; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["opentelemetry-instrument", "uvicorn", "--factory", application, "--port", str(port)]
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "OTEL_PYTHON_DISTRO": "pitboss",
        "OTEL_PYTHON_CONFIGURATOR": "pitboss",
        "OTEL_SERVICE_NAME": application.partition(".")[0],
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "PITBOSS_LOG_LEVEL": "DEBUG",
        "SESSION_SECRET": SECRET.get_secret_value(),
        "DRAIN_SECONDS": "0",
        **settings,
    }
    with output.open("ab") as file:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: httpx.get(f"{url}/ready").status_code == ready)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; connections that are refused count as not yet."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.05)


def assert_hidden(secrets: dict[str, str], output: Path, bodies: list[bytes], witness: str) -> None:
    """Nothing that left the process holds a secret; `witness` shows that it was looked at the right place."""
    telemetry = b"".join(bodies)
    printed = output.read_bytes()
    assert witness.encode() in telemetry
    assert witness.encode() in printed
    found = {
        name: [
            where
            for where, text in (("output", printed), ("telemetry", telemetry))
            if secret.encode() in text
        ]
        for name, secret in secrets.items()
    }
    assert {name: places for name, places in found.items() if places} == {}


def test_vault_keeps_them(database_url: str, kafka: str, exported: Any, tmp_path: Path) -> None:
    collector, bodies = exported
    output = tmp_path / "output"
    good = tokens.issue(PLAYER, SECRET)[0]
    expired = tokens.issue(PLAYER, SECRET, lifetime=timedelta(seconds=-60))[0]
    forged = f"planted-token-{uuid.uuid4().hex}"
    bet = {
        "player_id": PLAYER,
        "transaction_id": "t-1",
        "round_id": "r-1",
        "game_id": "dice",
        "currency": "EUR",
        "amount_minor": "100",
    }
    with running(
        "vault.app:create_app", output, collector, DATABASE_URL=database_url, KAFKA_BOOTSTRAP_SERVERS=kafka
    ) as url:
        opened = httpx.post(f"{url}/session", json={"player_id": PLAYER}).json()["token"]
        for token in (good, expired, forged, opened):
            headers = {"Authorization": f"Bearer {token}", "Cookie": f"session={token}"}
            httpx.post(f"{url}/wallet/bet", json=bet, headers=headers)
            httpx.post(f"{url}/wallet/bet", json=bet | {"amount_minor": token}, headers=headers)
            httpx.post(f"{url}/wallet/bet", content=token, headers=headers)
            query = {"player_id": PLAYER, "currency": "EUR", "token": token}
            httpx.get(f"{url}/wallet/balance", params=query, headers=headers)
            httpx.get(f"{url}/nowhere", params=query, headers=headers)
    secrets = {"good": good, "expired": expired, "forged": forged, "opened": opened}
    secrets |= {"signing secret": SECRET.get_secret_value(), "password": PASSWORD}
    assert_hidden(secrets, output, bodies, witness="bet accepted")


def test_a_password_that_the_database_refuses_stays_secret(
    database_url: str, kafka: str, exported: Any, tmp_path: Path
) -> None:
    collector, bodies = exported
    wrong = f"planted-wrong-{uuid.uuid4().hex}"
    output = tmp_path / "output"
    settings = {"DATABASE_URL": database_url.replace(PASSWORD, wrong), "KAFKA_BOOTSTRAP_SERVERS": kafka}
    with running("concierge.app:create_app", output, collector, ready=503, **settings) as url:
        until(lambda: "service.start_retry" in output.read_text())
        assert httpx.get(f"{url}/health").status_code == 500
    assert_hidden({"password": wrong}, output, bodies, witness="start step failed")


async def test_room_service_keeps_them(redis: str, kafka: str, exported: Any, tmp_path: Path) -> None:
    collector, bodies = exported
    output = tmp_path / "output"
    good = tokens.issue(PLAYER, SECRET)[0]
    forged = f"planted-token-{uuid.uuid4().hex}"
    sessions: list[str] = []
    settings = {"REDIS_URL": redis, "KAFKA_BOOTSTRAP_SERVERS": kafka}
    with running("room_service.app:create_app", output, collector, **settings) as url:
        for token in (good, forged):
            for transport in ("polling", "websocket"):
                client: Any = socketio.AsyncClient(reconnection=False)
                with contextlib.suppress(socketio.exceptions.ConnectionError):
                    await client.connect(
                        f"{url}?token={token}",
                        headers={"Authorization": f"Bearer {token}"},
                        auth={"token": token},
                        transports=[transport],
                    )
                    sessions.append(client.eio.sid)
                    await client.call("chat", {"room": "lobby", "text": "good luck everyone"})
                await client.disconnect()
                await asyncio.sleep(0)
    assert len(sessions) == 2
    secrets = {"good": good, "forged": forged, "transport session": sessions[0]}
    secrets |= {"signing secret": SECRET.get_secret_value(), "redis": str(httpx.URL(redis).password)}
    assert_hidden(secrets, output, bodies, witness="player connected")
