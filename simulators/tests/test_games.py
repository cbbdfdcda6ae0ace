"""Games return what they promise."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import pytest

from simulators.players.games import DICE, GAMES, ROULETTE, SLOT, Game, Prize

Seeded = Callable[[object], random.Random]


@pytest.mark.parametrize(
    ("game", "rtp"), [(DICE, Fraction(99, 100)), (ROULETTE, Fraction(36, 37)), (SLOT, Fraction(96, 100))]
)
def test_the_prizes_make_the_promised_return(game: Game, rtp: Fraction):
    assert game.rtp == rtp


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.game_id)
def test_many_rounds_return_what_was_promised(game: Game, seeded: Seeded):
    chance, rounds, stake = seeded(7), 40_000, 1000

    returned = Fraction(sum(game.play(stake, chance) for _ in range(rounds)), rounds * stake)

    variance = sum(prize.probability * prize.multiplier**2 for prize in game.prizes) - game.rtp**2
    assert abs(returned - game.rtp) < 4 * (float(variance) / rounds) ** 0.5


def test_payouts_are_whole_minor_units_rounded_down(seeded: Seeded):
    half = Game("half", (Prize(Fraction(1, 2), Fraction(1)),))

    assert half.play(10**24 + 1, seeded(1)) == 10**24 // 2
    assert half.play(1, seeded(1)) == 0
