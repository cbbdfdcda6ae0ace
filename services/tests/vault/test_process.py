"""Vault as the stack runs it: a process under opentelemetry-instrument, real PostgreSQL and Kafka."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition

from casino import tokens, topics
from casino.events import WALLET_EVENTS, WalletEvent

from .conftest import SECRET

pytestmark = pytest.mark.server

BIN = Path(sys.executable).parent


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; connections that are refused count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.05)


@dataclass
class Process:
    """A running Vault."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def lives(self) -> bool:
        """Whether it answers; one that died says why."""
        assert self.process.poll() is None, self.log.read_text()
        return self.status("/liveness") == 200

    def status(self, path: str) -> int:
        return httpx.get(self.url + path, timeout=10).status_code

    def check(self, name: str) -> str:
        return httpx.get(f"{self.url}/health", timeout=10).json()["checks"][name]["status"]

    def bet(self, player: str, amount: int = 100, **headers: str) -> httpx.Response:
        token, _ = tokens.issue(player, SECRET)
        body = {
            "player_id": player,
            "transaction_id": uuid.uuid4().hex,
            "round_id": "r",
            "game_id": "dice",
            "currency": "EUR",
            "amount_minor": str(amount),
        }
        return httpx.post(
            f"{self.url}/wallet/bet",
            json=body,
            headers={"Authorization": f"Bearer {token}", **headers},
            timeout=30,
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def vault(log: Path, database_url: str, kafka: str, **environment: str) -> Iterator[Process]:
    """Start Vault; it is killed at the end if it is still there."""
    port = free_port()
    served = ["uvicorn", "--factory", "vault.app:create_app", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            ["opentelemetry-instrument", *served],
            env=os.environ
            | {
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "OTEL_PYTHON_DISTRO": "pitboss",
                "OTEL_PYTHON_CONFIGURATOR": "pitboss",
                "OTEL_SERVICE_NAME": "vault",
                "OTEL_TRACES_EXPORTER": "none",
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_LOGS_EXPORTER": "none",
                "DATABASE_URL": database_url,
                "KAFKA_BOOTSTRAP_SERVERS": kafka,
                "SESSION_SECRET": SECRET.get_secret_value(),
            }
            | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Process(f"http://127.0.0.1:{port}", process, log)
    try:
        until(running.lives)
        yield running
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def running(vault_database: str, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A Vault that serves."""
    with vault(tmp_path_factory.mktemp("vault") / "log", vault_database, kafka) as process:
        until(lambda: process.status("/ready") == 200)
        yield process


class Topic:
    """What arrives on `wallet.events` from now on.

    Connected only while it is read: kafka-python leaves sockets open when a broker refuses it.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._consumer: Any = None
        self._records: list[Any] = []
        numbers = range(WALLET_EVENTS.partitions)
        self._partitions = [TopicPartition(WALLET_EVENTS.name, number) for number in numbers]
        consumer: Any = KafkaConsumer(bootstrap_servers=kafka)
        self._ends = consumer.end_offsets(self._partitions)
        consumer.close()

    def events(self, player: str) -> list[tuple[Any, WalletEvent]]:
        """The player's records so far, in the order of the topic."""
        if self._consumer is None:
            self._consumer = KafkaConsumer(bootstrap_servers=self._kafka)
            self._consumer.assign(self._partitions)
            for partition, offset in self._ends.items():
                self._consumer.seek(partition, offset)
        for batch in self._consumer.poll(timeout_ms=200).values():
            self._records += batch
        return [(r, WalletEvent.decode(r.value)) for r in self._records if r.key == player.encode()]

    def close(self) -> None:
        """End the connection."""
        if self._consumer is not None:
            self._consumer.close()


@pytest.fixture
def topic(kafka: str) -> Iterator[Topic]:
    """The end of `wallet.events`."""
    topics.create(kafka)
    opened = Topic(kafka)
    yield opened
    opened.close()


def test_the_event_is_sent_inside_the_trace_of_its_request(running: Process, topic: Topic) -> None:
    trace_id, caller = uuid.uuid4().hex, "00f067aa0ba902b7"
    answer = running.bet("player-0001", traceparent=f"00-{trace_id}-{caller}-01")
    assert answer.status_code == 200
    until(lambda: len(topic.events("player-0001")) == 1)
    [(record, event)] = topic.events("player-0001")
    [traceparent] = [value.decode() for name, value in record.headers if name == "traceparent"]
    assert event.transaction_id == answer.json()["transaction_id"]
    assert re.fullmatch(f"00-{trace_id}-[0-9a-f]{{16}}-01", traceparent)
    assert caller not in traceparent


def test_a_problem_names_the_trace_of_its_request(running: Process) -> None:
    trace_id = uuid.uuid4().hex
    answer = running.bet("player-0002", 999_999, traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
    assert (answer.status_code, answer.json()["trace_id"]) == (422, trace_id)


@pytest.mark.parametrize("traceparent", ["garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff" * 4000])
def test_a_malformed_traceparent_starts_a_trace_of_its_own(running: Process, traceparent: str) -> None:
    answer = running.bet("player-0002", 999_999, traceparent=traceparent)
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["trace_id"])
    assert int(answer.json()["trace_id"], 16) != 0


@pytest.mark.waits("Kafka to stop and to start")
def test_bets_go_on_without_kafka_and_their_events_arrive_in_order(
    running: Process, topic: Topic, servers: Any
) -> None:
    players = ["player-0003", "player-0004"]
    for player in players:
        running.bet(player)
    servers.run("stop", "kafka")
    try:
        until(lambda: running.check("kafka") == "error")
        for _ in range(10):
            assert {running.bet(player).status_code for player in players} == {200}
        assert running.status("/liveness") == 200
        assert running.status("/ready") == 200
        assert running.check("database") == "ok"
    finally:
        servers.run("start", "kafka")
    until(lambda: running.check("kafka") == "ok", 120)
    for player in players:
        until(lambda who=player: {e.player_sequence for _, e in topic.events(who)} == set(range(1, 12)), 120)
        sequences = [event.player_sequence for _, event in topic.events(player)]
        # At least once: a repeat is allowed, a gap before a later event is not.
        firsts = list(dict.fromkeys(sequences))
        assert firsts == list(range(1, 12))


@pytest.mark.waits("PostgreSQL to stop or to be killed, and to start")
@pytest.mark.parametrize(("player", "is_killed"), [("player-0006", False), ("player-0007", True)])
def test_bets_are_refused_without_postgres_and_taken_again_after_it(
    running: Process, topic: Topic, servers: Any, player: str, is_killed: bool
) -> None:
    assert running.bet(player).status_code == 200
    if is_killed:
        os.kill(servers.pid("postgres"), signal.SIGKILL)
    servers.run("stop", "postgres")
    try:
        answer = running.bet(player)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        until(lambda: running.check("database") == "error")
        assert running.status("/liveness") == 200
        assert running.status("/ready") == 200
    finally:
        servers.run("start", "postgres")
    answers_since = time.monotonic()
    until(lambda: running.check("database") == "ok")
    until(lambda: running.bet(player).status_code == 200)
    print(f"bets were taken {time.monotonic() - answers_since:.1f} s after PostgreSQL was healthy")  # noqa: T201
    until(lambda: [e.player_sequence for _, e in topic.events(player)][-1:] == [2])


def test_sigterm_drains(vault_database: str, kafka: str, topic: Topic, tmp_path: Path) -> None:
    with (
        vault(tmp_path / "log", vault_database, kafka, DRAIN_SECONDS="2") as process,
        psycopg.connect(vault_database) as lock,
        ThreadPoolExecutor(1) as threads,
    ):
        until(lambda: process.status("/ready") == 200)
        lock.execute("SELECT 1 FROM player WHERE id = 'player-0005' FOR UPDATE")
        in_flight = threads.submit(process.bet, "player-0005")
        until(lambda: _waiting_for_lock(vault_database))
        process.process.send_signal(signal.SIGTERM)
        until(lambda: process.status("/ready") == 503)
        assert process.status("/liveness") == 200
        lock.rollback()
        assert in_flight.result(30).status_code == 200
        process.process.wait(20)
        assert "service drained" in process.log.read_text()
    until(lambda: [e.player_sequence for _, e in topic.events("player-0005")] == [1])


def _waiting_for_lock(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return row is not None and row[0] > 0


def test_a_vault_without_database_lives_and_waits(kafka: str, tmp_path: Path) -> None:
    nowhere = f"postgresql://vault:secret-password@127.0.0.1:{free_port()}/vault"
    with vault(tmp_path / "log", nowhere, kafka) as process:
        until(lambda: "service.start_retry" in process.log.read_text())
        assert process.status("/liveness") == 200
        assert process.status("/ready") == 503
        assert process.check("database") == "error"
        answer = process.bet("player-0001")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "secret-password" not in process.log.read_text()


def test_wrong_settings_end_the_process_with_code_2_and_name_themselves(tmp_path: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SESSION_SECRET"}
    }
    done = subprocess.run(
        [str(BIN / "uvicorn"), "--factory", "vault.app:create_app", "--port", str(free_port())],
        env=environment | {"SESSION_SECRET": "short"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SESSION_SECRET"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
