"""Vault's settings; see `casino.settings` for the names."""

from casino.settings import DatabaseSettings


class VaultSettings(DatabaseSettings):
    """What Vault needs from its environment."""
