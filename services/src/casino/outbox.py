"""Transactional outbox: an event is written in the transaction that it tells about, a relay publishes it.

At least once, and in order per key: one relay at a time is the leader (advisory lock), and no two events of
one key are in flight together. The event carries the trace of the request that wrote it.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import psycopg
import structlog
from kafka.errors import KafkaError
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.metrics import Observation

from casino import kafka_client, metrics
from casino.database import KEEPALIVE
from casino.events import Event
from pitboss import outbox as trace_outbox

log = structlog.get_logger()

# Both services' migrations run this. `id` follows the order of writing; a writer that holds its player's row
# lock while it writes makes it the order of commits too, per player.
SCHEMA = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    carrier jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
"""

LEADER_LOCK = 0x6F_75_74_62  # "outb"
POLL_SECONDS = 0.1
BATCH = 500
MARKED_AT_ONCE = 100
ACK_TIMEOUT_SECONDS = 12.0
MAX_BACKOFF_SECONDS = 5.0
MEASURE_SECONDS = 1.0
KEPT = "1 day"

_INSERT = "INSERT INTO outbox (event_id, topic, key, value, carrier) VALUES (%s, %s, %s, %s, %s::jsonb)"
_UNPUBLISHED = (
    "SELECT id, topic, key, value, carrier FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %s"
)
_PUBLISHED = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s)"
_MEASURE = """
SELECT topic, count(*), extract(epoch FROM clock_timestamp() - min(created_at))::float8
FROM outbox WHERE published_at IS NULL GROUP BY topic
"""
_PRUNE = f"""
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE published_at < clock_timestamp() - interval '{KEPT}'
    ORDER BY published_at LIMIT 1000
)
"""  # noqa: S608 - no input in it

R_co = TypeVar("R_co", covariant=True)


class Executor(Protocol[R_co]):
    """A psycopg cursor or connection; with an async one the result must be awaited."""

    def execute(self, query: Any, params: Any = None, /) -> R_co: ...


def write(executor: Executor[R_co], event: Event) -> R_co:
    """Write an event, in the transaction of `executor`; `await` the result when that is asynchronous.

    The context of this moment is stored with it: what the relay sends is a child of the current span.
    """
    carrier = json.dumps(trace_outbox.capture())
    row = (event.event_id, event.topic.name, event.player_id, event.encode(), carrier)
    return executor.execute(_INSERT, row)


@dataclass(frozen=True, slots=True)
class Row:
    """An event that waits to be published."""

    id: int
    topic: str
    key: str
    value: bytes
    carrier: dict[str, str]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits per topic: number of events, and the moment (monotonic clock) the oldest was written."""

    topic: str
    pending: int
    oldest_since: float | None


def waves(rows: Iterable[Row]) -> list[list[Row]]:
    """Split rows so that no wave has a key twice and each key keeps its order."""
    result: list[list[Row]] = []
    depth: dict[str, int] = {}
    for row in rows:
        index = depth.get(row.key, 0)
        depth[row.key] = index + 1
        if index == len(result):
            result.append([])
        result[index].append(row)
    return result


class OutboxRelay:
    """The thread that publishes. Survives outages of Kafka and PostgreSQL, waiting longer each time.

    Args:
        dsn: libpq URL of the service's database.
        bootstrap_servers: of Kafka, separated by commas.
        name: of the service, for client ids and the log.
        topics: for which the backlog is reported.
    """

    def __init__(
        self,
        dsn: str,
        bootstrap_servers: str,
        name: str,
        topics: Sequence[str],
        make_producer: Callable[[str, str], Any] = kafka_client.producer,
    ) -> None:
        self._dsn = dsn
        self._bootstrap_servers = bootstrap_servers
        self._name = name
        self._make_producer = make_producer
        self._thread = threading.Thread(target=self._run, name=f"{name}-outbox", daemon=True)
        self._wake = threading.Event()
        self._stop_at: float | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._producer: Any = None
        self._is_leader = False
        self._backlogs = {topic: Backlog(topic, 0, None) for topic in topics}
        self._measured_at = 0.0
        self._pruned_at = time.monotonic()
        self._forget: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to publish."""
        self._forget = metrics.watch_outbox(self._observe_pending, self._observe_age)
        self._thread.start()

    def wake(self) -> None:
        """Say that an event was committed; without it the event waits for the next poll."""
        self._wake.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Publish what is there, for at most `timeout` seconds, then end. The rest waits in the table."""
        self._stop_at = time.monotonic() + timeout
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout + ACK_TIMEOUT_SECONDS)
        if self._forget is not None:
            self._forget()
            self._forget = None

    def _run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            try:
                published = self._pass()
                if failures:
                    log.info("outbox relay works again", **{"event.name": "outbox.recovered"})
                failures = 0
            except Exception as error:  # noqa: BLE001 - a relay that died would be silence
                failures += 1
                self._fail(error, failures)
                published = 0
            if self._stop_at is not None and (published == 0 or time.monotonic() > self._stop_at):
                break
            if published < BATCH:
                self._wait(failures)
        self._disconnect()

    def _wait(self, failures: int) -> None:
        if failures == 0:
            self._wake.wait(POLL_SECONDS)
            return
        # After a failure new events are no reason to hurry; only stop() is.
        deadline = time.monotonic() + min(MAX_BACKOFF_SECONDS, 0.2 * 2 ** min(failures - 1, 10))
        while self._stop_at is None and (left := deadline - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()

    def _pass(self) -> int:
        connection = self._connect()
        self._measure(connection)
        if not self._lead(connection):
            return 0
        # Before there is anything to send: the first event must not wait for a connection.
        producer = self._connect_producer()
        with suppress_instrumentation():
            rows = [Row(*row) for row in connection.execute(_UNPUBLISHED, (BATCH,)).fetchall()]
        if not rows:
            self._prune(connection)
            return 0
        done: list[int] = []
        for wave in waves(rows):
            acknowledged, failure = self._publish(producer, wave)
            done += acknowledged
            # Not after each wave: one player's backlog would need a commit per event.
            if failure is not None or len(done) >= MARKED_AT_ONCE:
                self._mark(connection, done)
                done = []
            if failure is not None:
                raise failure  # ends the pass, so that no later event of the same key overtakes
        self._mark(connection, done)
        return len(rows)

    def _mark(self, connection: psycopg.Connection[Any], done: list[int]) -> None:
        if done:
            with suppress_instrumentation():
                connection.execute(_PUBLISHED, (done,))

    def _publish(self, producer: Any, wave: list[Row]) -> tuple[list[int], Exception | None]:
        """Send one event per key and wait; returns what was acknowledged, and the first failure."""
        sent: list[tuple[Row, Any]] = []
        failure: Exception | None = None
        for row in wave:
            with trace_outbox.restored(row.carrier):
                try:
                    sent.append((row, producer.send(row.topic, value=row.value, key=row.key.encode())))
                except (KafkaError, AssertionError, ValueError) as error:
                    failure = error
                    break
        done: list[int] = []
        deadline = time.monotonic() + ACK_TIMEOUT_SECONDS
        for row, future in sent:
            try:
                future.get(timeout=max(0.001, deadline - time.monotonic()))
                done.append(row.id)
            except KafkaError as error:
                failure = failure or error
        return done, failure

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            with suppress_instrumentation():
                self._connection = psycopg.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=3,
                    application_name=f"{self._name}-outbox",
                    options="-c statement_timeout=10000",
                    **KEEPALIVE,
                )
        return self._connection

    def _connect_producer(self) -> Any:
        if self._producer is None:
            self._producer = self._make_producer(self._bootstrap_servers, f"{self._name}-outbox")
        return self._producer

    def _lead(self, connection: psycopg.Connection[Any]) -> bool:
        if not self._is_leader:
            with suppress_instrumentation():
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,)).fetchone()
            self._is_leader = bool(row and row[0])
        return self._is_leader

    def _measure(self, connection: psycopg.Connection[Any]) -> None:
        now = time.monotonic()
        if now - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = now
        with suppress_instrumentation():
            rows = connection.execute(_MEASURE).fetchall()
        backlogs = {topic: Backlog(topic, 0, None) for topic in self._backlogs}
        backlogs |= {topic: Backlog(topic, pending, now - age) for topic, pending, age in rows}
        self._backlogs = backlogs

    def _prune(self, connection: psycopg.Connection[Any]) -> None:
        if time.monotonic() - self._pruned_at < 60:
            return
        self._pruned_at = time.monotonic()
        with suppress_instrumentation():
            connection.execute(_PRUNE)

    def _observe_pending(self) -> Iterable[Observation]:
        return [Observation(b.pending, {"topic": b.topic}) for b in self._backlogs.values()]

    def _observe_age(self) -> Iterable[Observation]:
        now = time.monotonic()
        return [
            Observation(
                max(0.0, now - b.oldest_since) if b.oldest_since is not None else 0.0, {"topic": b.topic}
            )
            for b in self._backlogs.values()
        ]

    def _fail(self, error: Exception, failures: int) -> None:
        log.warning(
            "outbox relay failed, it tries again",
            exc_info=error if not isinstance(error, KafkaError | psycopg.OperationalError) else None,
            **{"event.name": "outbox.failed", "error.type": type(error).__name__, "failures": failures},
        )
        self._disconnect()

    def _disconnect(self) -> None:
        """Drop both connections: the lock goes with the one, half-sent batches with the other."""
        producer, self._producer = self._producer, None
        connection, self._connection = self._connection, None
        self._is_leader = False
        for close in (
            (lambda: producer.close(timeout=1)) if producer is not None else None,
            connection.close if connection is not None else None,
        ):
            if close is None:
                continue
            try:
                close()
            except Exception as error:  # noqa: BLE001 - it is dead already
                log.debug(
                    "closing failed", **{"event.name": "outbox.close", "error.type": type(error).__name__}
                )
