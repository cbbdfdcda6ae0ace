"""Cumulative volume per player, what was applied already, and the outbox."""

from alembic import op

from casino import outbox

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE rewards (
    player_id text PRIMARY KEY,
    volume_minor numeric(38, 0) NOT NULL CHECK (volume_minor >= 0),
    sequence bigint NOT NULL CHECK (sequence > 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE applied_event (
    event_id uuid PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    """Make the tables."""
    for statement in (TABLES + outbox.SCHEMA).split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop them; the topic has all that is needed to build them again."""
    op.execute("DROP TABLE rewards, applied_event, outbox")
