"""Alembic's environment for all services: the connection and its transaction come from `casino.database`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
