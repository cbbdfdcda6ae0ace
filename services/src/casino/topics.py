"""Topics are created by code, with their partitions and retention: brokers don't create any by themselves."""

from collections.abc import Iterable
from typing import Any

import structlog
from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError, for_code

from casino import kafka_client
from casino.events import TOPICS, Topic
from casino.reachability import require_broker

log = structlog.get_logger()

REQUEST_TIMEOUT_MS = 5_000


def create(bootstrap_servers: str, topics: Iterable[Topic] = TOPICS) -> list[str]:
    """Create the topics that are missing; several services may do so at the same time.

    Returns:
        The names of those that this call created.

    Raises:
        kafka.errors.KafkaError: no broker answers, or it refuses; try again later.
    """
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication_factor,
            "configs": topic.configs,
        }
        for topic in topics
    }
    # Any: pyright's stubs are of kafka-python 2
    options: dict[str, Any] = {
        "bootstrap_servers": kafka_client.servers(bootstrap_servers),
        "client_id": "casino-topics",
        "bootstrap_timeout_ms": REQUEST_TIMEOUT_MS,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }
    require_broker(bootstrap_servers)
    admin: Any = KafkaAdminClient(**options)
    try:
        answer = admin.create_topics(wanted, raise_errors=False)
        created = [_accept(topic) for topic in answer["topics"]]
        admin.wait_for_topics(list(wanted))
    finally:
        admin.close()
    names = [name for name in created if name]
    if names:
        log.info("topics created", **{"event.name": "topics.created", "topics": names})
    return names


def _accept(topic: dict[str, Any]) -> str | None:
    error = for_code(topic["error_code"])
    if error is TopicAlreadyExistsError:
        return None
    if topic["error_code"] != 0:
        raise error(f"{topic['name']}: {topic['error_message']}")
    return str(topic["name"])
