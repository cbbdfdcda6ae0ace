"""Who asks: session tokens as FastAPI dependencies."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from pydantic import SecretStr

from casino import tokens
from casino.problems import Code, ProblemError
from casino.tokens import InvalidTokenError, Session

SCHEME = "bearer"


def authenticate(secret: SecretStr) -> Callable[..., Session]:
    """Make the dependency that checks `Authorization: Bearer <token>`.

    Raises (the dependency):
        ProblemError: unauthenticated, with the token's reason.
    """

    def session(authorization: Annotated[str | None, Header()] = None) -> Session:
        scheme, _, token = (authorization or "").partition(" ")
        try:
            return tokens.verify(token.strip() if scheme.lower() == SCHEME else None, secret)
        except InvalidTokenError as error:
            raise ProblemError(
                Code.UNAUTHENTICATED,
                "send a session token of POST /session as Authorization: Bearer <token>",
                reason=f"token_{error.reason.value}",
                headers={"WWW-Authenticate": "Bearer"},
            ) from None

    return session


def require_owner(session: Session, player_id: str) -> None:
    """A session speaks for its own player only.

    Raises:
        ProblemError: forbidden.
    """
    if session.player_id != player_id:
        raise ProblemError(Code.FORBIDDEN, "the session token belongs to another player")
