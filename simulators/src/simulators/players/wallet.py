"""A player's calls to Vault, with the retries of a real game provider."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import httpx

ATTEMPTS = 4
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


class RefusedError(Exception):
    """Vault refused; `code` is its problem's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UnavailableError(Exception):
    """Vault did not answer, however often it was asked."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What Vault says to an accepted operation: the balance in minor units after ledger entry `sequence`."""

    transaction_id: str
    currency: str
    balance_minor: int
    sequence: int

    @classmethod
    def read(cls, answer: dict[str, Any]) -> Self:
        """Read Vault's answer."""
        return cls(
            str(answer["transaction_id"]),
            str(answer["currency"]),
            int(answer["balance_minor"]),
            int(answer["sequence"]),
        )


class Wallet:
    """One player's wallet at Vault.

    Args:
        http: client whose base URL is Vault's.
        player_id: who plays.
    """

    def __init__(self, http: httpx.AsyncClient, player_id: str) -> None:
        self._http = http
        self._player_id = player_id
        self.token = ""

    async def open_session(self) -> str:
        """Get a new session token, which the calls after it use.

        Raises:
            RefusedError: Vault knows no such player.
            UnavailableError: Vault does not answer.
        """
        answer = await self._call("POST", "/session", json={"player_id": self._player_id})
        self.token = str(answer["token"])
        return self.token

    async def balance(self, currency: str) -> int:
        """The balance in minor units.

        Raises:
            RefusedError: no such wallet, or the session has ended.
            UnavailableError: Vault does not answer.
        """
        params = {"player_id": self._player_id, "currency": currency}
        return int((await self._call("GET", "/wallet/balance", params=params))["balance_minor"])

    async def move(self, operation: str, **body: str) -> Receipt:
        """Place a bet or collect a win; the transaction id makes another attempt harmless.

        Args:
            operation: "bet" or "win".
            body: transaction_id, round_id, game_id, currency, amount_minor.

        Raises:
            RefusedError: with Vault's code, such as insufficient_funds.
            UnavailableError: Vault does not answer; whether it was booked is not known.
        """
        return Receipt.read(
            await self._call("POST", f"/wallet/{operation}", json={"player_id": self._player_id, **body})
        )

    async def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token and path != "/session" else {}
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(0.25 * 2**attempt)
            try:
                answer = await self._http.request(method, path, headers=headers, **arguments)
            except httpx.TransportError:
                continue
            if answer.status_code not in _TRY_AGAIN:
                return _read(answer)
        raise UnavailableError(path)


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if answer.is_success and isinstance(body, dict):
        return body
    raise RefusedError(str(body.get("code", "unknown")) if isinstance(body, dict) else "unknown")
