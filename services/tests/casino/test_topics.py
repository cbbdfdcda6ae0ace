"""Topics on the real Kafka: created once, with partitions and retention without limit."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from casino import topics
from casino.events import TOPICS, Topic
from casino.kafka_client import KafkaProbe

pytestmark = pytest.mark.server


def test_topics_are_created_once_even_by_several_at_the_same_time(kafka: str) -> None:
    topic = Topic(f"test.{uuid.uuid4().hex}", partitions=3)
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda _: topics.create(kafka, [topic]), range(4)))
    assert sorted(created) == [[], [], [], [topic.name]]


def test_the_casinos_topics_keep_everything_in_six_partitions(kafka: str) -> None:
    topics.create(kafka)
    admin: Any = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        for described in admin.describe_topics([topic.name for topic in TOPICS]):
            assert len(described["partitions"]) == 6
        described = admin.describe_configs([ConfigResource("topic", topic.name) for topic in TOPICS])
        for topic in TOPICS:
            assert described["topic"][topic.name]["retention.ms"]["value"] == "-1"
    finally:
        admin.close()


def test_the_probe_asks_again_over_the_same_connection(kafka: str) -> None:
    probe = KafkaProbe(kafka, "probe-test")
    try:
        probe()
        connected = probe._admin
        probe()
        assert probe._admin is connected
    finally:
        probe.close()
