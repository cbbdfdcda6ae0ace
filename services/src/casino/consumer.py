"""A Kafka consumer in a thread that poison messages and outages don't stop.

Delivery is at least once: an offset is committed after its message was handled, so a handler must be able to
meet a message again. What a handler raises decides:

- `InvalidEventError`: the message is poison. It is reported, and the next one is taken.
- one of `outages`: a dependency is away. The same message is tried again until it is back.
- anything else is a mistake of ours: a few more attempts, then the message is reported like poison. It stays
  in the topic (retention without limit) and can be replayed once the mistake is mended.

The handler runs inside the iteration over the consumer, where instrumentation has the message's process span
current.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition
from opentelemetry import trace
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Status, StatusCode

from casino import kafka_client, metrics, reachability, topics
from casino.events import InvalidEventError, Topic

log = structlog.get_logger()

INTERNAL = "internal"
MAX_ATTEMPTS = 3

_BROKER_TIMEOUT_MS = 5_000
_CLOSE_TIMEOUT_MS = 2_000
_METADATA_MAX_AGE_MS = 10_000
_LOOK_UP_MS = 200
"""How often an idle consumer looks whether it is to stop, in milliseconds."""

Handle = Callable[[Any], None]
Reject = Callable[[Any, str], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is read, and by whom.

    Attributes:
        bootstrap_servers: host:port, separated by commas.
        group: consumer group; its members share the partitions.
        topics: created at the start where they are missing.
        start: where a group without offsets begins.
    """

    bootstrap_servers: str
    group: str
    topics: tuple[Topic, ...]
    start: Literal["earliest", "latest"]


class Backoff:
    """Growing pauses, in seconds: 0.1, 0.2, 0.4 … up to `longest`."""

    def __init__(self, shortest: float = 0.1, longest: float = 5.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._next = shortest

    def pause(self) -> float:
        """The pause to make now; the next one is twice as long."""
        pause, self._next = self._next, min(2 * self._next, self._longest)
        return pause

    def reset(self) -> None:
        """Start again with the shortest pause: it worked."""
        self._next = self._shortest


class _Stopped(Exception):  # noqa: N818 - no error: the way out of a retry when the process stops
    """The consumer was told to stop while it was waiting for a dependency."""


class ConsumerThread:
    """Reads a subscription in a thread of its own until it is stopped.

    Args:
        subscription: what to read.
        handle: called with each `ConsumerRecord`; see the module for what its exceptions mean.
        reject: called with the record and the reason (from a closed set) of each message that is given up.
        outages: exceptions that mean "try the same message again".
    """

    def __init__(
        self,
        subscription: Subscription,
        handle: Handle,
        reject: Reject,
        outages: tuple[type[Exception], ...] = (),
    ) -> None:
        self._thread = threading.Thread(target=self._run, name=f"{subscription.group}-consumer", daemon=True)
        self._subscription = subscription
        self._handle = handle
        self._reject = reject
        self._outages = outages
        self._stopping = threading.Event()
        self._anchored: set[TopicPartition] = set()
        self._assigned = threading.Event()

    def start(self) -> None:
        """Begin to consume; once it was begun, nothing happens."""
        if self._thread.ident is None:
            # An empty context: what the caller has switched off or begun is no business of the messages.
            contextvars.Context().run(self._thread.start)

    @property
    def is_assigned(self) -> bool:
        """Whether partitions are assigned and their start is fixed: nothing sent from now on is missed."""
        return self._assigned.is_set()

    def stop(self, timeout: float) -> None:
        """Finish the message at hand, leave the group and end, in at most `timeout` seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                self._consume(backoff)
            except _Stopped:
                break
            except Exception as error:  # noqa: BLE001 - a consumer must never die silently
                self._report_broken(error)
            self._stopping.wait(backoff.pause())

    def _report_broken(self, error: Exception) -> None:
        fields = {"event.name": "consumer.broken", "group": self._subscription.group}
        if isinstance(error, KafkaError):
            log.warning(
                "consumer lost kafka, connecting again", **fields, error=f"{type(error).__name__}: {error}"
            )
        else:
            log.error("consumer failed, starting again", **fields, exc_info=error)

    def _consume(self, backoff: Backoff) -> None:
        reachability.require_broker(self._subscription.bootstrap_servers)
        topics.create(self._subscription.bootstrap_servers, self._subscription.topics)
        consumer = _connect(self._subscription)
        self._anchored = set()
        try:
            backoff.reset()
            while not self._stopping.is_set():
                for record in consumer:
                    self._process(record)
                    self._commit(consumer, record)
                    if self._stopping.is_set():
                        break
                    self._anchor(consumer)
                self._anchor(consumer)
        finally:
            consumer.close(autocommit=False, timeout_ms=_CLOSE_TIMEOUT_MS)

    def _process(self, record: Any) -> None:
        """Handle one message to its end: handled, given up, or told to stop before it was."""
        backoff, mistakes = Backoff(), 0
        while True:
            try:
                return self._handle(record)
            except InvalidEventError as error:
                return self._give_up(record, error.reason.value, error, error.fields)
            except self._outages as error:
                self._log_record(record, "message waits for a dependency", "consumer.waiting", error)
            except Exception as error:  # noqa: BLE001 - ours, but no reason to stop every other message
                mistakes += 1
                if mistakes >= MAX_ATTEMPTS:
                    return self._give_up(record, INTERNAL, error)
                self._log_record(record, "message failed, trying again", "consumer.failed", error)
            if self._stopping.wait(backoff.pause()):
                raise _Stopped

    def _log_record(self, record: Any, message: str, event: str, error: Exception) -> None:
        error_text = f"{type(error).__name__}: {error}"
        log.warning(message, **{"event.name": event, "error": error_text}, **_position(record))

    def _give_up(self, record: Any, reason: str, error: Exception, fields: tuple[str, ...] = ()) -> None:
        """Report a message that will not be handled. Its content is never logged: it may hold anything."""
        span = trace.get_current_span()
        span.set_attributes({"casino.message.rejected": reason, ERROR_TYPE: type(error).__qualname__})
        span.set_status(Status(StatusCode.ERROR, reason))
        write = log.error if reason == INTERNAL else log.warning
        write(
            "message rejected",
            **{
                "event.name": "consumer.rejected",
                "outcome": "rejected",
                "reason": reason,
                "fields": list(fields),
            },
            **_position(record),
            exc_info=error if reason == INTERNAL else None,
        )
        metrics.consumer_rejected.add(
            1, {"group": self._subscription.group, "topic": record.topic, "reason": reason}
        )
        self._reject(record, reason)

    def _commit(self, consumer: Any, record: Any) -> None:
        offsets = {
            TopicPartition(record.topic, record.partition): OffsetAndMetadata(record.offset + 1, "", -1)
        }
        try:
            consumer.commit(offsets, timeout_ms=_BROKER_TIMEOUT_MS)
        except KafkaError as error:
            # A later commit covers it; after a crash or a rebalance the message comes again.
            self._log_record(record, "offset not committed", "consumer.commit_failed", error)

    def _anchor(self, consumer: Any) -> None:
        """Fix where a new partition starts, so that a restart or a rebalance before its first message,
        with "latest", skips nothing."""
        assignment = consumer.assignment()
        if assignment == self._anchored:
            return
        for partition in assignment - self._anchored:
            position = consumer.position(partition, timeout_ms=_BROKER_TIMEOUT_MS)
            if position is None:
                return
            if consumer.committed(partition, timeout_ms=_BROKER_TIMEOUT_MS) is None:
                offsets = {partition: OffsetAndMetadata(position, "", -1)}
                consumer.commit(offsets, timeout_ms=_BROKER_TIMEOUT_MS)
        self._anchored = set(assignment)
        if assignment:
            self._assigned.set()
            log.info(
                "partitions assigned",
                **{"event.name": "consumer.assigned", "group": self._subscription.group},
                partitions=len(assignment),
            )


def _connect(subscription: Subscription) -> Any:
    # Any: pyright's stubs are of kafka-python 2
    options: dict[str, Any] = {
        "bootstrap_servers": kafka_client.servers(subscription.bootstrap_servers),
        "group_id": subscription.group,
        "client_id": subscription.group,
        "auto_offset_reset": subscription.start,
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "consumer_timeout_ms": _LOOK_UP_MS,
        "bootstrap_timeout_ms": _BROKER_TIMEOUT_MS,
        "reconnect_backoff_max_ms": kafka_client.RECONNECT_BACKOFF_MAX_MS,
        "metadata_max_age_ms": _METADATA_MAX_AGE_MS,
        # A node that was killed gives its partitions to the others after this time.
        "session_timeout_ms": 10_000,
    }
    consumer: Any = KafkaConsumer(*(topic.name for topic in subscription.topics), **options)
    for topic in subscription.topics:
        # Asked for before the group is joined: kafka-python's leader assigns what it knows by then, which may
        # be nothing, and does not look again before the metadata is `metadata_max_age_ms` old.
        consumer.partitions_for_topic(topic.name)
    return consumer


def _position(record: Any) -> dict[str, Any]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}
