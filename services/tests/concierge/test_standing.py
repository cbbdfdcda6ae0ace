"""Volume makes points and tiers; nothing but volume does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casino.events import Tier
from concierge.standing import THRESHOLDS, Standing

volumes = st.integers(0, 10**24)


@pytest.mark.parametrize(
    ("volume", "points", "tier", "next_tier", "missing"),
    [
        (0, 0, Tier.BRONZE, Tier.SILVER, 10_000),
        (99, 0, Tier.BRONZE, Tier.SILVER, 9_901),
        (100, 1, Tier.BRONZE, Tier.SILVER, 9_900),
        (9_999, 99, Tier.BRONZE, Tier.SILVER, 1),
        (10_000, 100, Tier.SILVER, Tier.GOLD, 90_000),
        (100_000, 1_000, Tier.GOLD, Tier.PLATINUM, 900_000),
        (1_000_000, 10_000, Tier.PLATINUM, Tier.DIAMOND, 9_000_000),
        (10_000_000, 100_000, Tier.DIAMOND, None, 0),
        (10**24, 10**22, Tier.DIAMOND, None, 0),
    ],
)
def test_volume_in_cents_gives_points_tier_and_what_is_missing(
    volume: int, points: int, tier: Tier, next_tier: Tier | None, missing: int
):
    standing = Standing(volume)

    assert standing.vip_points == points
    assert standing.tier is tier
    assert standing.next_tier is next_tier
    assert standing.volume_to_next_minor == missing


@given(volumes, volumes)
def test_tiers_and_points_never_fall_as_volume_grows(volume: int, wagered: int):
    order = list(THRESHOLDS)
    before, after = Standing(volume), Standing(volume + wagered)

    assert order.index(after.tier) >= order.index(before.tier)
    assert after.vip_points >= before.vip_points


@given(volumes)
def test_the_missing_volume_reaches_exactly_the_next_tier(volume: int):
    standing = Standing(volume)

    if standing.next_tier is None:
        assert standing.tier is Tier.DIAMOND
    else:
        assert Standing(volume + standing.volume_to_next_minor).tier is standing.next_tier
        assert Standing(volume + standing.volume_to_next_minor - 1).tier is standing.tier


def test_volume_is_never_negative():
    with pytest.raises(ValueError, match="negative"):
        Standing(-1)
