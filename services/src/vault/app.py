"""Vault's ASGI application: `uvicorn --factory vault.app:create_app`."""

from pathlib import Path

from starlette.types import ASGIApp

from casino import database, lifecycle, settings, topics
from casino.database import Database
from casino.events import WALLET_EVENTS
from casino.kafka_client import KafkaProbe
from casino.lifecycle import Service, Step
from casino.outbox import OutboxRelay
from vault import routes
from vault.ledger import Ledger
from vault.settings import VaultSettings

NAME = "vault"
MIGRATIONS = Path(__file__).parent / "migrations"


def create_app(config: VaultSettings | None = None) -> ASGIApp:
    """Make the application; without `config` the settings come from the environment.

    Raises:
        SystemExit: code 2, when settings are wrong or missing.
    """
    config = config or settings.load(VaultSettings)
    store = Database(config.database_dsn, NAME, config.database_pool_size)
    relay = OutboxRelay(config.database_dsn, config.kafka_bootstrap_servers, NAME, [WALLET_EVENTS.name])
    probe = KafkaProbe(config.kafka_bootstrap_servers, f"{NAME}-health")
    service = Service(
        name=NAME,
        settings=config,
        checks={"database": store.check, "kafka": probe},
        steps=(
            Step("migrate", lambda: database.migrate(config.database_dsn, MIGRATIONS)),
            Step("pool", store.open),
            Step("topics", lambda: topics.create(config.kafka_bootstrap_servers)),
        ),
        workers=(relay,),
        closers=(store.close, probe.close),
    )
    app, health = lifecycle.create_app(service, [routes.create_router(Ledger(store), config, relay.wake)])
    return lifecycle.with_health(app, health)
