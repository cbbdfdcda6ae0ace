"""Many at once on one wallet: never below zero, each id once, the books always balanced."""

import asyncio

import psycopg
import pytest
from psycopg import errors

from .conftest import Books, Player

pytestmark = pytest.mark.server


async def test_parallel_debits_never_overdraw(player: Player, books: Books) -> None:
    for _ in range(19):
        await player.bet(amount_minor="50000")
    # 50,000 left: ten of fifty fit
    answers = await asyncio.gather(*(player.bet(amount_minor="5000") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [402] * 40
    assert await player.balance() == 0
    sequences = sorted(answer.json()["sequence"] for answer in answers if answer.status_code == 200)
    assert sequences == list(range(20, 30))


async def test_one_request_sent_fifty_times_at_once_is_applied_once(player: Player, books: Books) -> None:
    request = player.movement(amount_minor="1000")
    answers = [answer.json() for answer in await asyncio.gather(*(player.bet(**request) for _ in range(50)))]
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 49
    assert {answer["balance_minor"] for answer in answers} == {"999000"}
    assert {answer["sequence"] for answer in answers} == {1}
    assert await player.balance() == 999_000


async def test_one_id_used_by_two_players_at_once_is_applied_for_one(player: Player, books: Books) -> None:
    other = Player(player.client, "player-0050")
    for attempt in range(10):
        transaction_id = f"{player.id}-shared-{attempt}"
        answers = await asyncio.gather(
            player.bet(transaction_id=transaction_id), other.bet(transaction_id=transaction_id)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_bets_and_wins_in_any_order_add_up(player: Player, books: Books) -> None:
    bets = [player.bet(amount_minor="700") for _ in range(25)]
    wins = [player.win(amount_minor="300") for _ in range(25)]
    answers = await asyncio.gather(*(move for pair in zip(bets, wins, strict=True) for move in pair))
    assert {answer.status_code for answer in answers} == {200}
    assert await player.balance() == 1_000_000 - 25 * 700 + 25 * 300
    assert sorted(answer.json()["sequence"] for answer in answers) == list(range(1, 51))


async def test_a_bet_survives_the_loss_of_every_pooled_connection(
    player: Player, books: Books, postgres: str
) -> None:
    await asyncio.gather(*(player.bet() for _ in range(20)))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vault-test'"
        )
    answers = await asyncio.gather(*(player.bet() for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET amount = amount + 1",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "UPDATE ledger_transaction SET amount = 0",
        "DELETE FROM ledger_transaction",
        "INSERT INTO ledger_entry (ledger_transaction_id, account_id, amount) VALUES (1, 1, 5)",
    ],
)
async def test_the_ledger_is_append_only_for_the_services_own_role(books: Books, statement: str) -> None:
    before = books.contents()
    with pytest.raises(errors.RestrictViolation):
        books.fetch(statement)
    assert books.contents() == before


async def test_a_transaction_that_does_not_balance_is_never_committed(books: Books) -> None:
    before = books.contents()
    with pytest.raises(errors.IntegrityConstraintViolation):
        books.fetch(
            "WITH t AS (INSERT INTO ledger_transaction"
            " (provider, transaction_id, request_hash, type, player_id, currency, amount, balance_after)"
            " VALUES ('x', 'x', sha256('x'), 'opening', 'player-0001', 'EUR', 5, 5) RETURNING id)"
            " INSERT INTO ledger_entry (ledger_transaction_id, account_id, amount)"
            " SELECT t.id, w.account_id, 5 FROM t, wallet w"
            " WHERE w.player_id = 'player-0001' AND w.currency = 'EUR'"
        )
    assert books.contents() == before
