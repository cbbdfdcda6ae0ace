"""Bad input: the right problem, and a database that nobody touched."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog

from casino import tokens

from .conftest import SECRET, Books, Player

pytestmark = pytest.mark.server

HUGE_NUMBER = "1" * 5000


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"currency": "XXX"}, 422, "wrong_currency"),
        ({"currency": "USD"}, 422, "wrong_currency"),
        ({"currency": "eur"}, 422, "wrong_currency"),
        ({"currency": "€"}, 422, "malformed_request"),
        ({"currency": None}, 422, "malformed_request"),
        ({"currency": "\ud800"}, 422, "malformed_request"),
        ({"amount_minor": "-100"}, 422, "invalid_amount"),
        ({"amount_minor": "1.5"}, 422, "invalid_amount"),
        ({"amount_minor": "1e3"}, 422, "invalid_amount"),
        ({"amount_minor": "0"}, 422, "invalid_amount"),
        ({"amount_minor": "9" * 39}, 422, "invalid_amount"),
        ({"amount_minor": 100}, 422, "invalid_amount"),
        ({"amount_minor": 1.5}, 422, "invalid_amount"),
        ({"amount_minor": True}, 422, "invalid_amount"),
        ({"amount_minor": None}, 422, "invalid_amount"),
        ({"amount_minor": {"a": ["\ud800"]}}, 422, "invalid_amount"),
        ({"amount_minor": "\ud800"}, 422, "invalid_amount"),
        ({"amount_minor": ...}, 422, "malformed_request"),
        ({"amount_minor": "50001"}, 422, "over_limit"),
        ({"currency": "JPY", "amount_minor": "80001"}, 422, "over_limit"),
        ({"currency": "ETH", "amount_minor": "500000000000000001"}, 422, "over_limit"),
        ({"player_id": "player-0050"}, 403, "forbidden"),
        ({"player_id": "nobody"}, 403, "forbidden"),
        ({"player_id": 5}, 422, "malformed_request"),
        ({"player_id": ...}, 422, "malformed_request"),
        ({"transaction_id": ""}, 422, "malformed_request"),
        ({"transaction_id": "a\u0000b"}, 422, "malformed_request"),
        ({"transaction_id": "x\ud800"}, 422, "malformed_request"),
        ({"transaction_id": "t" * 129}, 422, "malformed_request"),
        ({"round_id": "r\n"}, 422, "malformed_request"),
        ({"game_id": "'; DROP TABLE wallet"}, 422, "malformed_request"),
    ],
)
async def test_a_bad_bet_is_a_problem_and_changes_nothing(
    player: Player, books: Books, changes: dict[str, Any], status: int, code: str
) -> None:
    before = books.contents()
    body = json.dumps(player.movement(**changes))
    headers = player.headers | {"content-type": "application/json"}
    with structlog.testing.capture_logs() as lines:
        answer = await player.client.post("/wallet/bet", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [line["code"] for line in lines] == [code]
    assert books.contents() == before


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"player_id": ', 400),
        (b"\xff\xfe", 400),
        (b"", 422),
        (b"[]", 422),
        (b"null", 422),
        (b"[" * 50_000, 400),
        (b'{"amount_minor": ' + HUGE_NUMBER.encode() + b"}", 400),
        (b'{"player_id": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
async def test_a_malformed_body_is_a_problem(
    player: Player, books: Books, content: bytes, status: int
) -> None:
    before = books.contents()
    headers = player.headers | {"content-type": "application/json"}
    answer = await player.client.post("/wallet/bet", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, "malformed_request")
    assert books.contents() == before


async def test_a_stake_above_the_balance_is_refused_with_the_real_balance(
    player: Player, books: Books
) -> None:
    for _ in range(20):
        await player.bet(amount_minor="49999")
    before = books.contents()
    answer = await player.bet(amount_minor="21")
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_funds")
    assert answer.json()["balance_minor"] == "20"
    assert books.contents() == before


async def test_nobody_gets_a_session_for_an_unknown_player(client: httpx.AsyncClient, books: Books) -> None:
    answer = await client.post("/session", json={"player_id": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_player")


async def test_a_session_of_a_player_who_is_gone_gets_unknown_player(
    client: httpx.AsyncClient, books: Books
) -> None:
    answer = await Player(client, "gone").bet()
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_player")


async def test_a_session_is_for_one_player_only(client: httpx.AsyncClient, books: Books) -> None:
    session = (await client.post("/session", json={"player_id": "player-0049"})).json()
    headers = {"Authorization": f"Bearer {session['token']}"}
    own = {"player_id": "player-0049", "currency": "EUR"}
    assert (await client.get("/wallet/balance", params=own, headers=headers)).status_code == 200
    for path in ("/wallet/balance", "/wallet/transactions"):
        answer = await client.get(path, params=own | {"player_id": "player-0050"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "token_missing"),
        ("Basic cGxheWVyOnB3", "token_missing"),
        ("Bearer", "token_missing"),
        ("Bearer nonsense", "token_malformed"),
        ("Bearer " + tokens.issue("player-0050", SECRET, timedelta(-1))[0], "token_expired"),
    ],
)
async def test_without_a_valid_token_there_is_nothing(
    player: Player, books: Books, authorization: str | None, reason: str
) -> None:
    before = books.contents()
    headers = {} if authorization is None else {"Authorization": authorization}
    with structlog.testing.capture_logs() as lines:
        answer = await player.client.post("/wallet/bet", json=player.movement(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert lines[0]["reason"] == reason
    assert books.contents() == before


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"limit": "0"}, "malformed_request"),
        ({"limit": "201"}, "malformed_request"),
        ({"limit": "many"}, "malformed_request"),
        ({"cursor": "-1"}, "malformed_request"),
        ({"cursor": "9" * 30}, "malformed_request"),
        ({"cursor": "1; SELECT"}, "malformed_request"),
        ({"currency": "USD"}, "wrong_currency"),
        ({"player_id": "a\u0000"}, "malformed_request"),
    ],
)
async def test_bad_parameters_of_the_history_are_problems(
    player: Player, books: Books, parameters: dict[str, str], code: str
) -> None:
    answer = await player.get("/wallet/transactions", **parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
