"""What a player's screen shows: pushes may come late or out of order, an older balance is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Screen:
    """The balances on one player's screen, in minor units.

    A push is older when its sequence (of the ledger, per player) is below that of what is shown; one with the
    same sequence says the same.
    """

    balances: dict[str, int] = field(default_factory=dict)
    stale: int = 0
    _sequences: dict[str, int] = field(default_factory=dict)

    def show(self, currency: str, balance_minor: int, sequence: int) -> bool:
        """Show a balance unless what is shown is newer.

        Returns:
            Whether it is shown now; False for an older one, which is ignored.
        """
        if sequence < self._sequences.get(currency, -1):
            self.stale += 1
            return False
        self._sequences[currency] = sequence
        self.balances[currency] = balance_minor
        return True

    def show_push(self, push: Any) -> bool:
        """Show what a `balance` push says.

        Raises:
            ValueError: it is no balance push.
        """
        try:
            return self.show(str(push["currency"]), int(push["balance_minor"]), int(push["sequence"]))
        except (TypeError, KeyError, ValueError):
            raise ValueError("not a balance push") from None
