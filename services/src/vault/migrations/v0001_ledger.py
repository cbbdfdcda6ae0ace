"""Players, wallets, the append-only double-entry ledger and the outbox."""

from pathlib import Path

from alembic import op

from casino import database, outbox

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    database.run_sql_file(op.get_bind(), Path(__file__).with_suffix(".sql"))
    op.execute(outbox.SCHEMA)
