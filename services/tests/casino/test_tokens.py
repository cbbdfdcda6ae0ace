"""Session tokens: only what Vault signed, for as long as it said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from casino import tokens
from casino.tokens import InvalidTokenError, TokenReason

SECRET = SecretStr("s" * 40)
GOOD: dict[str, Any] = {"iss": "vault", "sub": "player-0001", "sid": "x", "iat": 1, "exp": 4_000_000_000}


def signed(secret: str = "s" * 40, algorithm: str = "HS256", **changes: Any) -> str:
    """A token that differs from a good one in what is given; None takes a claim away."""
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_a_token_speaks_for_its_player_until_it_expires() -> None:
    token, issued = tokens.issue("player-0001", SECRET)
    session = tokens.verify(token, SECRET)
    assert session == issued
    assert session.player_id == "player-0001"
    assert timedelta(hours=11) < session.expires_at - datetime.now(UTC) <= timedelta(hours=12)


def test_each_session_has_an_id_of_its_own() -> None:
    assert tokens.issue("p", SECRET)[1].session_id != tokens.issue("p", SECRET)[1].session_id


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, TokenReason.MISSING),
        ("", TokenReason.MISSING),
        (5, TokenReason.MALFORMED),
        ({"token": "x"}, TokenReason.MALFORMED),
        ("nonsense", TokenReason.MALFORMED),
        ("a.b.c", TokenReason.MALFORMED),
        ("x" * 5000, TokenReason.MALFORMED),
        ("\ud800.\ud800.x", TokenReason.MALFORMED),
        (signed("o" * 40), TokenReason.BAD_SIGNATURE),
        (signed("s" * 64, algorithm="HS512"), TokenReason.MALFORMED),
        (jwt.encode(GOOD, None, algorithm="none"), TokenReason.MALFORMED),
        (signed(exp=2), TokenReason.EXPIRED),
        (signed(iss="somebody"), TokenReason.MALFORMED),
        (signed(sub=None), TokenReason.MALFORMED),
        (signed(sid=None), TokenReason.MALFORMED),
        (signed(exp=None), TokenReason.MALFORMED),
        (signed(exp=10**30), TokenReason.MALFORMED),
    ],
)
def test_any_other_token_is_refused_with_its_reason(token: Any, reason: TokenReason) -> None:
    with pytest.raises(InvalidTokenError) as refused:
        tokens.verify(token, SECRET)
    assert refused.value.reason is reason
