"""Amounts: what is one, what is none and why, and what they are in the reporting currency."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casino.money import (
    MAX_MINOR,
    REPORTING_RATES,
    AmountReason,
    Currency,
    InvalidAmountError,
    convert_to_reporting,
    format_major,
    format_minor,
    parse_minor,
)

amounts = st.integers(min_value=0, max_value=MAX_MINOR)
wallets = st.sampled_from([Currency.EUR, Currency.JPY, Currency.ETH])


@given(amounts)
def test_every_amount_survives_a_border(amount: int) -> None:
    assert parse_minor(format_minor(amount)) == amount


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (1000, AmountReason.NOT_A_STRING),
        (10.0, AmountReason.NOT_A_STRING),
        (True, AmountReason.NOT_A_STRING),
        (None, AmountReason.NOT_A_STRING),
        (["1"], AmountReason.NOT_A_STRING),
        ("-1", AmountReason.NEGATIVE),
        ("-1.5", AmountReason.NEGATIVE),
        ("1.5", AmountReason.FRACTIONAL),
        ("1.0", AmountReason.FRACTIONAL),
        (".5", AmountReason.FRACTIONAL),
        ("1e3", AmountReason.EXPONENT_NOTATION),
        ("-1E+3", AmountReason.EXPONENT_NOTATION),
        ("1" * 39, AmountReason.TOO_LONG),
        ("9" * 100_000, AmountReason.TOO_LONG),
        ("", AmountReason.NOT_DECIMAL),
        ("007", AmountReason.NOT_DECIMAL),
        ("+1", AmountReason.NOT_DECIMAL),
        (" 1", AmountReason.NOT_DECIMAL),
        ("1\n", AmountReason.NOT_DECIMAL),
        ("1_000", AmountReason.NOT_DECIMAL),
        ("1,000", AmountReason.NOT_DECIMAL),
        ("0x10", AmountReason.NOT_DECIMAL),
        ("١٢", AmountReason.NOT_DECIMAL),
        ("NaN", AmountReason.NOT_DECIMAL),
        ("Infinity", AmountReason.NOT_DECIMAL),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(text: Any, reason: AmountReason) -> None:
    with pytest.raises(InvalidAmountError) as refused:
        parse_minor(text)
    assert refused.value.reason is reason


@given(st.text())
def test_any_text_is_either_an_amount_in_canonical_form_or_refused(text: str) -> None:
    try:
        amount = parse_minor(text)
    except InvalidAmountError:
        return
    assert text == str(amount)


@given(amounts, wallets)
def test_conversion_is_the_nearest_reporting_minor_unit(amount: int, currency: Currency) -> None:
    reported = convert_to_reporting(amount, currency)
    exact = Fraction(amount, 10**currency.exponent) * Fraction(REPORTING_RATES[currency]) * 100
    assert abs(Fraction(reported.minor) - exact) <= Fraction(1, 2)
    assert reported.rate == REPORTING_RATES[currency]


@pytest.mark.parametrize(
    ("amount", "currency", "cents"),
    [
        (1000, Currency.EUR, 1080),
        (1500, Currency.JPY, 1005),
        (5 * 10**17, Currency.ETH, 150_000),
        (10**24, Currency.ETH, 300_000_000_000),
        (0, Currency.EUR, 0),
    ],
)
def test_known_conversions(amount: int, currency: Currency, cents: int) -> None:
    assert convert_to_reporting(amount, currency).minor == cents


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1050, Currency.EUR, "10.50"),
        (1050, Currency.JPY, "1050"),
        (1, Currency.ETH, "0.000000000000000001"),
        (MAX_MINOR, Currency.ETH, "9" * 20 + "." + "9" * 18),
    ],
)
def test_major_units_for_people(amount: int, currency: Currency, text: str) -> None:
    assert format_major(amount, currency) == text
