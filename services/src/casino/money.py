"""Money: integers in minor units inside, decimal strings on every border.

One minor unit is 10 to the power of minus the currency's exponent: EUR 10.00 is 1000 minor units,
JPY 10 is 10, one ETH is 10^18. Amounts have at most 38 digits, as NUMERIC(38,0) in the database.
Exponents: ISO 4217 (EUR, JPY, USD) and the Ethereum yellow paper (1 ether = 10^18 wei).
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum

MAX_DIGITS = 38
MAX_MINOR = 10**MAX_DIGITS - 1

_CANONICAL = re.compile(r"(0|[1-9][0-9]*)", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?", re.ASCII)
_FRACTIONAL = re.compile(r"[0-9]*\.[0-9]*", re.ASCII)
_EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", re.ASCII)


class Currency(StrEnum):
    """The currencies of the casino; `exponent` is the number of decimal digits of the major unit."""

    EUR = "EUR"
    JPY = "JPY"
    ETH = "ETH"
    USD = "USD"

    @property
    def exponent(self) -> int:
        return _EXPONENTS[self]


_EXPONENTS = {Currency.EUR: 2, Currency.JPY: 0, Currency.ETH: 18, Currency.USD: 2}

REPORTING_CURRENCY = Currency.USD
# Major units of the reporting currency for one major unit. Fixed until Vault has a rate feed.
REPORTING_RATES = {
    Currency.EUR: Decimal("1.08"),
    Currency.JPY: Decimal("0.0067"),
    Currency.ETH: Decimal(3000),
    Currency.USD: Decimal(1),
}


class AmountReason(StrEnum):
    """Why a text is no amount."""

    NOT_A_STRING = "not_a_string"
    NOT_DECIMAL = "not_decimal"
    NEGATIVE = "negative"
    FRACTIONAL = "fractional"
    EXPONENT_NOTATION = "exponent_notation"
    TOO_LONG = "too_long"


_ADVICE = {
    AmountReason.NOT_A_STRING: "send the amount as a JSON string, not as a number",
    AmountReason.NOT_DECIMAL: "use decimal digits only, without sign, spaces or leading zeros",
    AmountReason.NEGATIVE: "amounts are never negative, the operation gives the direction",
    AmountReason.FRACTIONAL: "amounts are whole minor units, without a decimal point",
    AmountReason.EXPONENT_NOTATION: "write the number out, without an exponent",
    AmountReason.TOO_LONG: f"at most {MAX_DIGITS} digits",
}


class InvalidAmountError(ValueError):
    """A text or value that is no amount of minor units; `reason` is from a closed set."""

    def __init__(self, reason: AmountReason) -> None:
        super().__init__(_ADVICE[reason])
        self.reason = reason


def parse_minor(text: object) -> int:
    """Read an amount in minor units from its decimal string, as it stands on every border.

    Raises:
        InvalidAmountError: for all but the canonical form of an integer from 0 to 10^38 - 1.
    """
    if not isinstance(text, str):
        raise InvalidAmountError(AmountReason.NOT_A_STRING)
    if _CANONICAL.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise InvalidAmountError(AmountReason.TOO_LONG)
        return int(text)
    for pattern, reason in (
        (_NEGATIVE, AmountReason.NEGATIVE),
        (_FRACTIONAL, AmountReason.FRACTIONAL),
        (_EXPONENT, AmountReason.EXPONENT_NOTATION),
    ):
        if pattern.fullmatch(text):
            raise InvalidAmountError(reason)
    raise InvalidAmountError(AmountReason.NOT_DECIMAL)


def format_minor(amount: int) -> str:
    """Write an amount in minor units as the decimal string of every border."""
    return str(amount)


def format_major(amount: int, currency: Currency) -> str:
    """Write an amount for people, in major units: 1050 minor units of EUR are "10.50"."""
    with localcontext(prec=MAX_DIGITS + 20):
        return f"{Decimal(amount).scaleb(-currency.exponent):f}"


@dataclass(frozen=True, slots=True)
class ReportingAmount:
    """An amount in the reporting currency, with the rate that was used.

    `minor` is in minor units of `currency`; `rate` is major units of it per major unit of the source.
    """

    currency: Currency
    minor: int
    rate: Decimal

    @property
    def major(self) -> float:
        """Major units as a float: for metrics only, never for money."""
        return float(Decimal(self.minor).scaleb(-self.currency.exponent))


def convert_to_reporting(amount: int, currency: Currency) -> ReportingAmount:
    """Convert minor units into minor units of the reporting currency, rounded half to even."""
    rate = REPORTING_RATES[currency]
    with localcontext(prec=2 * MAX_DIGITS + 20):
        exact = (Decimal(amount) * rate).scaleb(REPORTING_CURRENCY.exponent - currency.exponent)
        minor = int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))
    return ReportingAmount(REPORTING_CURRENCY, minor, rate)
