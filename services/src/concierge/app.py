"""Concierge as an ASGI application: consumer, outbox relay and the read API.

Started by `uvicorn --factory concierge.app:create_app`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from casino import lifecycle, settings, topics
from casino.consumer import ConsumerThread, Subscription
from casino.database import Database, migrate
from casino.events import REWARDS_EVENTS, WALLET_EVENTS
from casino.kafka_client import KafkaProbe
from casino.outbox import OutboxRelay
from casino.settings import DatabaseSettings
from concierge import api
from concierge.worker import OUTAGES, RewardsWorker

NAME = "concierge"
MIGRATIONS = Path(__file__).parent / "migrations"


def create_app(configuration: DatabaseSettings | None = None) -> ASGIApp:
    """Make the application; nothing is connected before its lifespan begins.

    Args:
        configuration: the environment's when left out.

    Raises:
        SystemExit: the environment lacks settings or has wrong ones; all are named.
    """
    configuration = configuration or settings.load(DatabaseSettings)
    dsn, servers = configuration.database_dsn, configuration.kafka_bootstrap_servers
    database = Database(dsn, NAME, configuration.database_pool_size)
    relay = OutboxRelay(dsn, servers, NAME, [REWARDS_EVENTS.name])
    worker = RewardsWorker(dsn, published=relay.wake)
    consumer = ConsumerThread(
        Subscription(servers, group=NAME, topics=(WALLET_EVENTS,), start="earliest"),
        handle=worker.handle,
        reject=worker.reject,
        outages=OUTAGES,
    )
    probe = KafkaProbe(servers, f"{NAME}-health")
    service = lifecycle.Service(
        name=NAME,
        settings=configuration,
        checks={"database": database.check, "kafka": probe},
        steps=[
            lifecycle.Step("schema", partial(migrate, dsn, MIGRATIONS)),
            lifecycle.Step("topics", partial(topics.create, servers)),
            lifecycle.Step("pool", database.open),
        ],
        workers=[relay, consumer],
        closers=[worker.close, database.close, probe.close],
    )
    app, health = lifecycle.create_app(service, [api.router(database, configuration.session_secret)])
    return lifecycle.with_health(app, health)
