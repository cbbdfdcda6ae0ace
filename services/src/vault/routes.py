"""Vault's HTTP API: sessions, bets, wins, balance, history."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from casino import sessions, tokens
from casino.events import IDENTIFIER, WalletEventType, format_time
from casino.money import Currency, InvalidAmountError, format_minor, parse_minor
from casino.problems import Code, ProblemError
from casino.tokens import Session
from vault.ledger import PROVIDER, Booking, Ledger, Movement, Refusal, RefusedError
from vault.operation import Operation
from vault.settings import VaultSettings

log = structlog.get_logger()

MAX_ID = 2**63 - 1
CODE = r"^[A-Za-z0-9]{1,16}$"
AMOUNT = r"^(0|[1-9][0-9]{0,37})$"

Identifier = Annotated[str, Field(pattern=IDENTIFIER, strict=True)]
PlayerId = Annotated[str, Query(pattern=IDENTIFIER)]
CurrencyCode = Annotated[str, Query(pattern=CODE)]


class SessionRequest(BaseModel):
    """Whom the session is for."""

    player_id: Identifier


class SessionAnswer(BaseModel):
    """The token, to be sent as `Authorization: Bearer <token>`."""

    token: str
    player_id: str
    expires_at: str


class MovementRequest(BaseModel):
    """A bet or a win. `amount_minor` is a decimal string of whole minor units of `currency`."""

    player_id: Identifier
    transaction_id: Identifier
    round_id: Identifier
    game_id: Identifier
    currency: Annotated[str, Field(pattern=CODE, strict=True)]
    # Any: what is no amount has a problem code of its own
    amount_minor: Annotated[Any, Field(json_schema_extra={"type": "string", "pattern": AMOUNT})]


class MovementAnswer(BaseModel):
    """The wallet after the movement; `replayed`: it was applied by an earlier request, this is its answer."""

    transaction_id: str
    player_id: str
    currency: Currency
    exponent: int
    amount_minor: str
    balance_minor: str
    sequence: int
    replayed: bool


class BalanceAnswer(BaseModel):
    """The wallet's balance, and the player's last ledger sequence that it belongs to."""

    player_id: str
    currency: Currency
    exponent: int
    balance_minor: str
    sequence: int


class HistoryLine(BaseModel):
    """One ledger transaction of the wallet."""

    transaction_id: str
    type: Literal["opening", "bet", "win"]
    round_id: str | None
    game_id: str | None
    currency: Currency
    exponent: int
    amount_minor: str
    balance_minor: str
    sequence: int | None
    occurred_at: str


class HistoryAnswer(BaseModel):
    """A page of the history, newest first; `next_cursor` is null on the last page."""

    transactions: list[HistoryLine]
    next_cursor: str | None


REFUSALS: dict[Refusal, tuple[Code, str]] = {
    Refusal.UNKNOWN_PLAYER: (Code.UNKNOWN_PLAYER, "there is no such player"),
    Refusal.WRONG_CURRENCY: (Code.WRONG_CURRENCY, "the player has no wallet in this currency"),
    Refusal.INVALID_AMOUNT: (Code.INVALID_AMOUNT, "a stake is positive, and a balance has at most 38 digits"),
    Refusal.INSUFFICIENT_FUNDS: (Code.INSUFFICIENT_FUNDS, "the balance is smaller than the stake"),
    Refusal.OVER_LIMIT: (Code.OVER_LIMIT, "the stake is over the limit of this currency"),
    Refusal.IDEMPOTENCY_CONFLICT: (
        Code.IDEMPOTENCY_CONFLICT,
        "this transaction id was applied with another body; use a new id for a new transaction",
    ),
}


def read_currency(code: str) -> Currency:
    """The currency of a code.

    Raises:
        ProblemError: wrong_currency.
    """
    try:
        return Currency(code)
    except ValueError:
        raise ProblemError(*REFUSALS[Refusal.WRONG_CURRENCY]) from None


def read_amount(amount: object) -> int:
    """The amount of a decimal string, in minor units.

    Raises:
        ProblemError: invalid_amount.
    """
    try:
        return parse_minor(amount)
    except InvalidAmountError as error:
        raise ProblemError(
            Code.INVALID_AMOUNT, str(error), fields={"amount.reason": error.reason.value}
        ) from None


def refuse(error: RefusedError) -> ProblemError:
    """The problem of a refused movement; too small a balance carries the real one."""
    code, detail = REFUSALS[error.refusal]
    if error.balance is None:
        return ProblemError(code, detail)
    return ProblemError(code, detail, balance_minor=format_minor(error.balance))


def create_router(ledger: Ledger, settings: VaultSettings, wake_relay: Callable[[], None]) -> APIRouter:
    """The routes, on this ledger. `wake_relay()` is called after each commit with an event."""
    router = APIRouter()
    authenticated = Depends(sessions.authenticate(settings.session_secret))

    @router.post("/session", status_code=201)
    async def open_session(request: SessionRequest) -> SessionAnswer:
        if not await ledger.knows(request.player_id):
            raise ProblemError(Code.UNKNOWN_PLAYER, "there is no such player")
        token, session = tokens.issue(request.player_id, settings.session_secret)
        log.info(
            "session opened",
            **{
                "event.name": "session.opened",
                "player.id": session.player_id,
                "session.id": session.session_id,
                "outcome": "ok",
            },
        )
        return SessionAnswer(
            token=token, player_id=session.player_id, expires_at=format_time(session.expires_at)
        )

    async def move(kind: WalletEventType, request: MovementRequest, session: Session) -> MovementAnswer:
        with Operation(kind.value, PROVIDER) as operation:
            operation.describe(
                session=session,
                transaction_id=request.transaction_id,
                round_id=request.round_id,
                game_id=request.game_id,
                currency=request.currency,
                amount=request.amount_minor,
            )
            sessions.require_owner(session, request.player_id)
            currency = read_currency(request.currency)
            operation.currency = currency
            movement = Movement(
                type=kind,
                player_id=request.player_id,
                transaction_id=request.transaction_id,
                round_id=request.round_id,
                game_id=request.game_id,
                currency=currency,
                amount=read_amount(request.amount_minor),
            )
            try:
                booking = await ledger.apply(movement)
            except RefusedError as error:
                if error.field is not None:
                    operation.count_conflict(error.field)
                raise refuse(error) from None
            wake_relay()
            operation.succeed(booking)
            return _answer(booking)

    @router.post("/wallet/bet")
    async def bet(request: MovementRequest, session: Session = authenticated) -> MovementAnswer:
        return await move(WalletEventType.BET, request, session)

    @router.post("/wallet/win")
    async def win(request: MovementRequest, session: Session = authenticated) -> MovementAnswer:
        return await move(WalletEventType.WIN, request, session)

    @router.get("/wallet/balance")
    async def balance(
        player_id: PlayerId, currency: CurrencyCode, session: Session = authenticated
    ) -> BalanceAnswer:
        with Operation("balance", PROVIDER) as operation:
            sessions.require_owner(session, player_id)
            known = operation.currency = read_currency(currency)
            try:
                amount, sequence = await ledger.balance(player_id, known)
            except RefusedError as error:
                raise refuse(error) from None
            operation.succeed()
            return BalanceAnswer(
                player_id=player_id,
                currency=known,
                exponent=known.exponent,
                balance_minor=format_minor(amount),
                sequence=sequence,
            )

    @router.get("/wallet/transactions")
    async def transactions(
        player_id: PlayerId,
        currency: CurrencyCode,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(pattern=r"^[1-9][0-9]{0,17}$")] = None,
        session: Session = authenticated,
    ) -> HistoryAnswer:
        sessions.require_owner(session, player_id)
        known = read_currency(currency)
        before = MAX_ID if cursor is None else int(cursor)
        try:
            # One more than asked for: whether there is a next page
            items = await ledger.history(player_id, known, limit + 1, before)
        except RefusedError as error:
            raise refuse(error) from None
        page = items[:limit]
        return HistoryAnswer(
            transactions=[
                HistoryLine(
                    transaction_id=item.transaction_id,
                    type=item.type,  # type: ignore[arg-type]
                    round_id=item.round_id,
                    game_id=item.game_id,
                    currency=known,
                    exponent=known.exponent,
                    amount_minor=format_minor(item.amount),
                    balance_minor=format_minor(item.balance),
                    sequence=item.sequence,
                    occurred_at=format_time(item.occurred_at),
                )
                for item in page
            ],
            next_cursor=str(page[-1].id) if len(items) > limit else None,
        )

    return router


def _answer(booking: Booking) -> MovementAnswer:
    movement = booking.movement
    return MovementAnswer(
        transaction_id=movement.transaction_id,
        player_id=movement.player_id,
        currency=movement.currency,
        exponent=movement.currency.exponent,
        amount_minor=format_minor(movement.amount),
        balance_minor=format_minor(booking.balance),
        sequence=booking.sequence,
        replayed=booking.is_replayed,
    )
