"""Bets and wins: what they answer, what they leave in the ledger, the history that they make."""

import pytest

from casino.events import WalletEvent
from casino.money import MAX_MINOR

from .conftest import Books, Player

pytestmark = pytest.mark.server


async def test_a_bet_takes_the_stake_and_a_win_pays(player: Player, books: Books) -> None:
    bet = await player.bet(amount_minor="1000", transaction_id=f"{player.id}-b")
    assert (bet.status_code, bet.json()) == (
        200,
        {
            "transaction_id": f"{player.id}-b",
            "player_id": player.id,
            "currency": "EUR",
            "exponent": 2,
            "amount_minor": "1000",
            "balance_minor": "999000",
            "sequence": 1,
            "replayed": False,
        },
    )
    win = await player.win(amount_minor="2500")
    assert (win.json()["balance_minor"], win.json()["sequence"]) == ("1001500", 2)
    assert await player.balance() == 1_001_500


async def test_a_lost_round_is_settled_with_a_win_of_nothing(player: Player, books: Books) -> None:
    answer = await player.win(amount_minor="0")
    assert (answer.status_code, answer.json()["balance_minor"]) == (200, "1000000")


async def test_each_movement_is_two_entries_between_player_and_house(player: Player, books: Books) -> None:
    await player.bet(amount_minor="1000", transaction_id=f"{player.id}-b")
    entries = books.fetch(
        "SELECT a.kind, a.player_id, a.currency, e.amount::text FROM ledger_entry e"
        " JOIN ledger_transaction t ON t.id = e.ledger_transaction_id JOIN account a ON a.id = e.account_id"
        " WHERE t.transaction_id = %s ORDER BY e.id",
        f"{player.id}-b",
    )
    assert entries == [("player", player.id, "EUR", "-1000"), ("house", None, "EUR", "1000")]


async def test_each_movement_leaves_one_event_that_tells_the_same(player: Player, books: Books) -> None:
    answer = (await player.bet(currency="JPY", amount_minor="1500")).json()
    [(topic, key, value)] = books.fetch(
        "SELECT topic, key, value FROM outbox WHERE key = %s ORDER BY id", player.id
    )
    event = WalletEvent.decode(bytes(value))
    assert (topic, key) == ("wallet.events", player.id)
    assert event.transaction_id == answer["transaction_id"]
    assert (event.type, event.currency, event.exponent) == ("bet", "JPY", 0)
    assert (event.amount_minor, event.balance_minor) == (1500, 1_498_500)
    assert (event.reporting_amount_minor, str(event.reporting_rate)) == (1005, "0.0067")
    assert event.player_sequence == answer["sequence"]


async def test_sequences_count_a_players_movements_over_all_wallets(player: Player, books: Books) -> None:
    answers = [await player.bet(currency=currency, amount_minor="5") for currency in ("EUR", "JPY", "ETH")]
    assert [answer.json()["sequence"] for answer in answers] == [1, 2, 3]


async def test_amounts_far_above_64_bits_travel_unharmed(player: Player, books: Books) -> None:
    answer = (await player.win(currency="ETH", amount_minor=str(10**24 + 1))).json()
    assert answer["amount_minor"] == str(10**24 + 1)
    assert answer["balance_minor"] == str(10**24 + 1 + 5 * 10**18)
    assert await player.balance("ETH") == 10**24 + 1 + 5 * 10**18


async def test_a_balance_of_more_than_38_digits_is_refused(player: Player, books: Books) -> None:
    before = books.contents()
    answer = await player.win(currency="ETH", amount_minor=str(MAX_MINOR))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_amount")
    assert books.contents() == before


async def test_the_same_request_again_gets_the_stored_answer(player: Player, books: Books) -> None:
    request = player.movement(amount_minor="1000")
    first = (await player.bet(**request)).json()
    await player.bet(amount_minor="500")
    before = books.contents()
    again = (await player.bet(**request)).json()
    assert again == first | {"replayed": True}
    assert books.contents() == before


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": "1001"},
        {"currency": "JPY"},
        {"round_id": "round-2"},
        {"game_id": "roulette"},
    ],
)
async def test_the_same_id_with_another_body_is_a_conflict(
    player: Player, books: Books, change: dict[str, str]
) -> None:
    request = player.movement(amount_minor="1000")
    await player.bet(**request)
    before = books.contents()
    answer = await player.bet(**request | change)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert books.contents() == before


async def test_a_win_with_the_id_of_a_bet_is_a_conflict(player: Player, books: Books) -> None:
    request = player.movement()
    await player.bet(**request)
    answer = await player.win(**request)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")


async def test_a_refused_bet_may_come_again_when_there_is_money(player: Player, books: Books) -> None:
    for _ in range(20):
        await player.bet(amount_minor="50000")
    request = player.movement(amount_minor="100")
    assert (await player.bet(**request)).status_code == 402
    await player.win(amount_minor="100")
    assert (await player.bet(**request)).json()["replayed"] is False


async def test_history_is_paged_newest_first_and_ends_with_the_opening(player: Player, books: Books) -> None:
    for amount in range(1, 8):
        await player.bet(amount_minor=str(amount))
    await player.bet(currency="JPY")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    pages = 0
    while True:
        page = (await player.get("/wallet/transactions", limit=3, **cursor)).json()
        pages += 1
        seen += [line["amount_minor"] for line in page["transactions"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["7", "6", "5", "4", "3", "2", "1", "1000000"]
    assert pages == 3


async def test_a_line_of_the_history_has_all_that_the_answer_had(player: Player, books: Books) -> None:
    bet = (await player.bet()).json()
    line = (await player.get("/wallet/transactions", limit=1)).json()["transactions"][0]
    expected = {name: value for name, value in bet.items() if name not in {"player_id", "replayed"}}
    assert line | expected == line
    assert (line["type"], line["round_id"], line["game_id"]) == ("bet", "round-1", "dice")
    assert line["occurred_at"].endswith("Z")
