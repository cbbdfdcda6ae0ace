"""Asks whether a broker can be reached before a Kafka client is made.

kafka-python's constructors leave a thread and its sockets behind when they can't connect; tried again every
few seconds, an outage of an hour would use up the process's file descriptors.
"""

from __future__ import annotations

import socket

from kafka.errors import KafkaConnectionError

_TIMEOUT_SECONDS = 1.5


def require_broker(bootstrap_servers: str, timeout: float = _TIMEOUT_SECONDS) -> None:
    """Connect to one of the servers and hang up.

    Args:
        bootstrap_servers: host:port, separated by commas.
        timeout: seconds for each of them.

    Raises:
        KafkaConnectionError: none of them accepts a connection.
    """
    failures: list[str] = []
    for server in bootstrap_servers.split(","):
        host, _, port = server.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout):
                return
        except OSError as error:
            failures.append(type(error).__name__)
    raise KafkaConnectionError(f"no broker accepts a connection: {', '.join(failures)}")
