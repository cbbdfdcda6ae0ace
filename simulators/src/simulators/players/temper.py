"""How a player decides: which wallet, which game, how much, when, and whether to say something.

Pure decisions from a seeded source of chance: a run can be repeated.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from simulators.players.games import GAMES, Game

STAKES: dict[str, tuple[int, int]] = {
    "EUR": (50, 50_000),
    "JPY": (100, 80_000),
    "ETH": (5 * 10**14, 5 * 10**17),
}
"""Smallest sensible stake and Vault's stake limit per currency, in minor units."""

SAYINGS = (
    "good luck everyone",
    "so close!",
    "who else is on the slot?",
    "red again…",
    "last one, really",
    "gg",
    "anyone at gold already?",
    "頑張って",
)

OVER_LIMIT_PROBABILITY = 0.01
OVER_BALANCE_PROBABILITY = 0.01
SWITCH_PROBABILITY = 0.1
CHAT_PROBABILITY = 0.03


@dataclass(frozen=True, slots=True)
class Decision:
    """A bet that the player wants to place; `stake_minor` in minor units of `currency`."""

    game: Game
    currency: str
    stake_minor: int


@dataclass(slots=True)
class Temper:
    """One player's habits.

    Args:
        chance: the player's own source of chance.
    """

    chance: random.Random
    boldness: float = field(init=False)
    favourite: Game = field(init=False)
    currency: str = field(init=False)

    def __post_init__(self) -> None:
        # Most stake a thousandth of what they have, a few a tenth: log-normal, as stakes in casinos are.
        self.boldness = min(0.3, self.chance.lognormvariate(-6.0, 1.2))
        self.favourite = self.chance.choice(GAMES)
        self.currency = self.chance.choice(list(STAKES))

    def decide(self, balances: dict[str, int]) -> Decision | None:
        """Choose the next bet.

        Args:
            balances: minor units per currency, as last seen.

        Returns:
            None for a player who is broke: no wallet holds the smallest stake.
        """
        playable = [currency for currency in STAKES if balances.get(currency, 0) >= STAKES[currency][0]]
        if not playable:
            return None
        if self.currency not in playable or self.chance.random() < SWITCH_PROBABILITY:
            self.currency = self.chance.choice(playable)
        game = self.favourite if self.chance.random() < 0.7 else self.chance.choice(GAMES)
        return Decision(game, self.currency, self._stake(balances[self.currency]))

    def _stake(self, balance: int) -> int:
        smallest, limit = STAKES[self.currency]
        mood = self.chance.random()
        if mood < OVER_LIMIT_PROBABILITY:
            return limit + smallest  # has not read the rules
        if mood < OVER_LIMIT_PROBABILITY + OVER_BALANCE_PROBABILITY:
            return balance + smallest  # has not looked at the balance
        usual = int(balance * self.boldness * self.chance.uniform(0.5, 1.5))
        rounded = usual - usual % smallest
        return max(smallest, min(rounded, limit, balance))

    def pause(self, mean_seconds: float) -> float:
        """Seconds until the next bet: exponential, so that all players' bets come at random."""
        return self.chance.expovariate(1 / mean_seconds)

    def saying(self) -> str | None:
        """Something for the chat, now and then."""
        return self.chance.choice(SAYINGS) if self.chance.random() < CHAT_PROBABILITY else None
