"""The events on Kafka: their shapes, their topics, and how bytes become events or a typed refusal.

Unknown members are ignored, so that a producer may add some before its consumers know them.
A change that a consumer must not ignore raises `schema_version`.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic import model_validator as validate_model

from casino.money import MAX_MINOR, Currency, InvalidAmountError, format_minor, parse_minor

SCHEMA_VERSION = 1
MAX_EVENT_BYTES = 64 * 1024
MAX_SEQUENCE = 2**63 - 1
IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"


@dataclass(frozen=True)
class Topic:
    """A topic as code creates it. Order is kept per key, the player id; `configs` as Kafka names them."""

    name: str
    partitions: int = 6
    replication_factor: int = 1
    configs: dict[str, str] = field(default_factory=lambda: {"retention.ms": "-1"})


WALLET_EVENTS = Topic("wallet.events")
REWARDS_EVENTS = Topic("rewards.events")
TOPICS = (WALLET_EVENTS, REWARDS_EVENTS)


class EventReason(StrEnum):
    """Why a message is no event. Closed set: it is a metric attribute."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_FIELD = "missing_field"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_FIELD = "invalid_field"


class InvalidEventError(Exception):
    """A poison message. It never becomes right by waiting: count it, log it and go on."""

    def __init__(self, reason: EventReason, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason.value}: {', '.join(fields)}" if fields else reason.value)
        self.reason = reason
        self.fields = fields


class WalletEventType(StrEnum):
    """What moved the balance."""

    BET = "bet"
    WIN = "win"


class RewardsEventType(StrEnum):
    """Whether the tier changed."""

    PROGRESS = "progress"
    LEVEL_UP = "level_up"


class Tier(StrEnum):
    """The tiers, lowest first."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"
    DIAMOND = "diamond"


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_RATE = re.compile(r"\d{1,18}(\.\d{1,18})?", re.ASCII)


def _read_minor(value: object) -> int:
    if type(value) is int and 0 <= value <= MAX_MINOR:
        return value
    return parse_minor(value)


def _read_time(value: object) -> datetime:
    if isinstance(value, str):
        if not _TIME.fullmatch(value):
            raise ValueError("not an RFC 3339 time")
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("not a time with a zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _read_rate(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not _RATE.fullmatch(value):
        raise ValueError("not a decimal string")
    return Decimal(value)


def _read_uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or len(value) != 36:
        raise ValueError("not a UUID")
    return UUID(value)


def format_time(moment: datetime) -> str:
    """Write a moment as every border has it: UTC, microseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


MinorUnits = Annotated[int, BeforeValidator(_read_minor), PlainSerializer(format_minor)]
Moment = Annotated[datetime, BeforeValidator(_read_time), PlainSerializer(format_time)]
Rate = Annotated[Decimal, BeforeValidator(_read_rate), PlainSerializer(lambda rate: f"{rate:f}")]
EventId = Annotated[UUID, BeforeValidator(_read_uuid), PlainSerializer(str)]
Identifier = Annotated[str, Field(pattern=IDENTIFIER, strict=True)]
Sequence = Annotated[int, Field(ge=1, le=MAX_SEQUENCE, strict=True)]
Exponent = Annotated[int, Field(ge=0, le=36, strict=True)]


class Event(BaseModel):
    """What all events have in common, with their way to bytes and back."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    topic: ClassVar[Topic]
    types: ClassVar[frozenset[str]]
    amounts: ClassVar[frozenset[str]]

    schema_version: Literal[1] = SCHEMA_VERSION
    event_id: EventId
    player_id: Identifier
    player_sequence: Sequence
    occurred_at: Moment

    @property
    def key(self) -> bytes:
        """Kafka's message key: the player id, so that a player's events stay in order."""
        return self.player_id.encode()

    def encode(self) -> bytes:
        """Write the event as JSON bytes, amounts as decimal strings."""
        return orjson.dumps(self.model_dump(mode="json"))

    @classmethod
    def decode(cls, message: bytes | None) -> Self:
        """Read an event from a Kafka message.

        Raises:
            InvalidEventError: for whatever is no event of this kind; the reason is from a closed set.
        """
        payload = _read_object(message)
        # bool is an int: True would pass for version 1
        if type(payload.get("schema_version")) is not int or payload["schema_version"] != SCHEMA_VERSION:
            raise InvalidEventError(EventReason.UNKNOWN_VERSION)
        if not isinstance(payload.get("type"), str) or payload["type"] not in cls.types:
            raise InvalidEventError(EventReason.UNKNOWN_TYPE)
        for name in cls.amounts & payload.keys():
            try:
                parse_minor(payload[name])
            except InvalidAmountError as error:
                raise InvalidEventError(EventReason.INVALID_AMOUNT, (name,)) from error
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            raise _refuse(error) from None


def _read_object(message: bytes | None) -> dict[str, Any]:
    if not message:
        raise InvalidEventError(EventReason.EMPTY)
    if len(message) > MAX_EVENT_BYTES:
        raise InvalidEventError(EventReason.TOO_LARGE)
    try:
        payload = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise InvalidEventError(EventReason.NOT_JSON) from None
    if not isinstance(payload, dict):
        raise InvalidEventError(EventReason.NOT_AN_OBJECT)
    return payload


def _refuse(error: ValidationError) -> InvalidEventError:
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    fields = tuple(sorted({str(mistake["loc"][0]) for mistake in mistakes if mistake["loc"]}))
    missing = any(mistake["type"] == "missing" for mistake in mistakes)
    return InvalidEventError(EventReason.MISSING_FIELD if missing else EventReason.INVALID_FIELD, fields)


class WalletEvent(Event):
    """A bet or a win that Vault's ledger holds. `player_sequence` grows by one with each transaction."""

    topic = WALLET_EVENTS
    types = frozenset(WalletEventType)
    amounts = frozenset({"amount_minor", "balance_minor", "reporting_amount_minor"})

    type: WalletEventType
    transaction_id: Identifier
    round_id: Identifier
    game_id: Identifier
    currency: Currency
    exponent: Exponent
    amount_minor: MinorUnits
    balance_minor: MinorUnits
    reporting_currency: Currency
    reporting_amount_minor: MinorUnits
    reporting_exponent: Exponent
    reporting_rate: Rate

    @validate_model(mode="after")
    def _exponents_are_the_currencies(self) -> Self:
        """A shifted exponent would pay ten or a hundred times the money."""
        if self.exponent != self.currency.exponent:
            raise ValueError("exponent is not the currency's")
        if self.reporting_exponent != self.reporting_currency.exponent:
            raise ValueError("reporting_exponent is not the reporting currency's")
        return self


class RewardsEvent(Event):
    """What a bet did to a player's rewards. `player_sequence` is Concierge's own, per player."""

    topic = REWARDS_EVENTS
    types = frozenset(RewardsEventType)
    amounts = frozenset({"volume_minor", "vip_points", "volume_to_next_minor"})

    type: RewardsEventType
    source_event_id: EventId
    source_type: WalletEventType
    volume_minor: MinorUnits
    volume_currency: Currency
    volume_exponent: Exponent
    vip_points: MinorUnits
    tier: Tier
    previous_tier: Tier
    next_tier: Tier | None
    volume_to_next_minor: MinorUnits
