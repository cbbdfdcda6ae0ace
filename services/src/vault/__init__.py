"""Vault, the payments gateway: sessions, wallets, an append-only double-entry ledger, its events."""
