"""One measured figure beside what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value, its reference and their ratio.

    Attributes:
        name: what was measured.
        value: measured, in `unit`.
        reference: what it is compared with, in the same unit.
        reference_name: what the reference is.
    """

    name: str
    value: float
    unit: str
    reference: float
    reference_name: str

    @property
    def ratio(self) -> float:
        """Measured value by reference; below 1 is better."""
        return self.value / self.reference
