"""Chance that can be repeated."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

Seeded = Callable[[object], random.Random]


@pytest.fixture
def seeded() -> Seeded:
    """A source of chance from a seed."""
    return lambda seed: random.Random(str(seed))  # noqa: S311 - a simulation, no secret
