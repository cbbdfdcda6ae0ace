"""Session tokens: JWT, HS256, signed with the secret that all services share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import uuid4

import jwt
from pydantic import SecretStr

ALGORITHM = "HS256"
ISSUER = "vault"
LIFETIME = timedelta(hours=12)
MAX_TOKEN_LENGTH = 4096


class TokenReason(StrEnum):
    """Why a token is refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    EXPIRED = "expired"


class InvalidTokenError(Exception):
    """A session token that is not to be trusted; `reason` is from a closed set."""

    def __init__(self, reason: TokenReason) -> None:
        super().__init__(f"session token refused: {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Session:
    """Who a token speaks for. `session_id` may be logged, the token never."""

    player_id: str
    session_id: str
    expires_at: datetime


def issue(
    player_id: str, secret: SecretStr, lifetime: timedelta = LIFETIME, now: datetime | None = None
) -> tuple[str, Session]:
    """Sign a token for the player, valid for `lifetime` from `now` (UTC, default: this moment)."""
    issued_at = (now or datetime.now(UTC)).replace(microsecond=0)
    session = Session(player_id, uuid4().hex, issued_at + lifetime)
    claims = {
        "iss": ISSUER,
        "sub": player_id,
        "sid": session.session_id,
        "iat": issued_at,
        "exp": session.expires_at,
    }
    return jwt.encode(claims, secret.get_secret_value(), algorithm=ALGORITHM), session


def verify(token: object, secret: SecretStr) -> Session:
    """Check signature, algorithm, issuer and expiry of a token.

    Raises:
        InvalidTokenError: with the reason; also for what is no string at all.
    """
    if token is None or token == "":
        raise InvalidTokenError(TokenReason.MISSING)
    if not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH:
        raise InvalidTokenError(TokenReason.MALFORMED)
    try:
        claims = jwt.decode(
            token,
            secret.get_secret_value(),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["iss", "sub", "sid", "iat", "exp"]},
        )
        return Session(str(claims["sub"]), str(claims["sid"]), datetime.fromtimestamp(claims["exp"], UTC))
    except jwt.ExpiredSignatureError:
        raise InvalidTokenError(TokenReason.EXPIRED) from None
    except jwt.InvalidSignatureError:
        raise InvalidTokenError(TokenReason.BAD_SIGNATURE) from None
    except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
        raise InvalidTokenError(TokenReason.MALFORMED) from None
