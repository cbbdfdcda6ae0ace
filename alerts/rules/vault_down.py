"""Vault does not answer: no bet, no win, no balance."""

from __future__ import annotations

from .model import PanelLink, Rule, Severity, Team, Threshold

VAULT_DOWN = Rule(
    name="VaultDown",
    # The collector asks every 5 s and waits 4 s, so a slow Vault is up. Seen from outside on purpose: what
    # Vault says about itself just stops when it dies. 30 s in which the collector is silent are no data.
    expr='min(last_over_time(httpcheck_status{service="vault"}[30s]))',
    problem=Threshold("lt", 1),
    # Longer than a graceful restart (15 s to drain, then the start).
    pending="30s",
    severity=Severity.CRITICAL,
    team=Team.SRE,
    service="vault",
    summary="Vault does not answer: bets, wins and balances fail.",
    description=(
        "The collector got no answer from Vault's /liveness for 30 s, or nobody asked it. Players can't bet. "
        "Money that was moved is in the ledger; events that were not published wait in the outbox."
    ),
    panel=PanelLink("casino-now", 1),
)
