"""What a player's wagering volume means: points, tier, and how far the next tier is.

Everything follows from the cumulative volume, so that the order of bets can't matter and a rebuild from the
topic gives the same state.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from casino.events import Tier
from casino.money import REPORTING_CURRENCY

MINOR_PER_POINT = 10**REPORTING_CURRENCY.exponent
"""One VIP point for each whole unit of the reporting currency that was wagered."""

THRESHOLDS: dict[Tier, int] = {
    Tier.BRONZE: 0,
    Tier.SILVER: 100 * MINOR_PER_POINT,
    Tier.GOLD: 1_000 * MINOR_PER_POINT,
    Tier.PLATINUM: 10_000 * MINOR_PER_POINT,
    Tier.DIAMOND: 100_000 * MINOR_PER_POINT,
}
"""Volume in minor units of the reporting currency at which a tier begins, lowest first."""

_TIERS = tuple(THRESHOLDS)
_BEGINNINGS = tuple(THRESHOLDS.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """A player's standing at a cumulative volume, in minor units of the reporting currency.

    Raises:
        ValueError: the volume is negative.
    """

    volume_minor: int

    def __post_init__(self) -> None:
        if self.volume_minor < 0:
            raise ValueError("volume can't be negative")

    @property
    def vip_points(self) -> int:
        """Whole points; what is left over counts with the next bet."""
        return self.volume_minor // MINOR_PER_POINT

    @property
    def tier(self) -> Tier:
        """The highest tier whose threshold is reached."""
        return _TIERS[bisect_right(_BEGINNINGS, self.volume_minor) - 1]

    @property
    def next_tier(self) -> Tier | None:
        """The tier above, None at the top."""
        index = _TIERS.index(self.tier) + 1
        return _TIERS[index] if index < len(_TIERS) else None

    @property
    def volume_to_next_minor(self) -> int:
        """Volume that is missing for the next tier, 0 at the top; minor units of the reporting currency."""
        return THRESHOLDS[self.next_tier] - self.volume_minor if self.next_tier else 0
