"""Games with a known theoretical return: what a stake brings back.

A game is a list of prizes with their probabilities; the return to player (RTP) follows from it. Multipliers
and probabilities are fractions, payouts whole minor units, rounded down as casinos do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Prize:
    """A payout of `multiplier` stakes, paid with `probability`."""

    multiplier: Fraction
    probability: Fraction


@dataclass(frozen=True, slots=True)
class Game:
    """A game of chance; what its prizes leave of the probability is a lost stake."""

    game_id: str
    prizes: tuple[Prize, ...]

    @property
    def rtp(self) -> Fraction:
        """Theoretical return to player: the mean payout per unit of stake."""
        return sum((prize.multiplier * prize.probability for prize in self.prizes), Fraction(0))

    def play(self, stake_minor: int, chance: random.Random) -> int:
        """Play a round.

        Args:
            stake_minor: stake in minor units.
            chance: where luck comes from.

        Returns:
            The payout in minor units, 0 for a lost stake.
        """
        drawn = Fraction(chance.random())
        for prize in self.prizes:
            if drawn < prize.probability:
                return int(stake_minor * prize.multiplier)
            drawn -= prize.probability
        return 0


DICE = Game("dice", (Prize(Fraction(2), Fraction(495, 1000)),))
ROULETTE = Game("roulette", (Prize(Fraction(36), Fraction(1, 37)),))
SLOT = Game(
    "slot-pharaoh",
    (
        Prize(Fraction(1, 2), Fraction(20, 100)),
        Prize(Fraction(2), Fraction(10, 100)),
        Prize(Fraction(10), Fraction(3, 100)),
        Prize(Fraction(100), Fraction(26, 10_000)),
        Prize(Fraction(1000), Fraction(1, 10_000)),
    ),
)
GAMES = (DICE, ROULETTE, SLOT)
