"""Fifty demo players with EUR, JPY and ETH wallets, and one stake limit per currency."""

from pathlib import Path

from alembic import op

from casino import database

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Insert them; opening balances are ledger transactions like all others."""
    database.run_sql_file(op.get_bind(), Path(__file__).with_suffix(".sql"))
