"""Kafka clients with the time-outs of the casino, and the health check's round trip.

Typed as Any where kafka-python is called: the type stubs at hand describe version 2.
"""

import logging
import threading
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer

from casino.reachability import require_broker

PROBE_TIMEOUT_MS = 1_500
# Before the first answer; a broker that was away must be found again soon, not after 30 s.
RECONNECT_BACKOFF_MAX_MS = 1_000

# While a broker is away these write dozens of lines a second. What fails because of it is raised, and said by
# whoever called, once per attempt.
for _name in ("kafka.net", "kafka.cluster"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def servers(bootstrap_servers: str) -> list[str]:
    """Split the setting into the list that kafka-python takes."""
    return bootstrap_servers.split(",")


def producer(bootstrap_servers: str, client_id: str) -> Any:
    """Connect a producer that says within 10 s whether all replicas have a message.

    Raises:
        kafka.errors.KafkaError: no broker answered within 5 s.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": servers(bootstrap_servers),
        "client_id": client_id,
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 0,
        "bootstrap_timeout_ms": 5_000,
        "max_block_ms": 5_000,
        "request_timeout_ms": 5_000,
        "delivery_timeout_ms": 10_000,
        "reconnect_backoff_max_ms": RECONNECT_BACKOFF_MAX_MS,
    }
    require_broker(bootstrap_servers)
    return KafkaProducer(**options)


class KafkaProbe:
    """Health check: one metadata request over a connection that is kept.

    Call it in a thread of its own (a plain function does that in `pitboss.health`). A new connection per
    probe would fill the broker's log and hide that old connections are dead.
    """

    def __init__(self, bootstrap_servers: str, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._admin: Any = None
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Ask the cluster for its brokers.

        Raises:
            kafka.errors.KafkaError: nobody answers in time.
        """
        with self._lock:
            if self._admin is None:
                self._admin = self._connect()
            self._admin.describe_cluster()

    def _connect(self) -> Any:
        options: dict[str, Any] = {
            "bootstrap_servers": servers(self._bootstrap_servers),
            "client_id": self._client_id,
            "bootstrap_timeout_ms": PROBE_TIMEOUT_MS,
            "request_timeout_ms": PROBE_TIMEOUT_MS,
            "reconnect_backoff_max_ms": RECONNECT_BACKOFF_MAX_MS,
        }
        require_broker(self._bootstrap_servers)
        return KafkaAdminClient(**options)

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._admin is not None:
                self._admin.close()
                self._admin = None
