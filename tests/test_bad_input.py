"""Bad input on every border of the running casino: a typed error, nothing half-written, no one stopped."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
import socketio
from kafka import KafkaProducer
from support import backends, casino
from support.native import NativeStack
from support.wait import until

pytestmark = pytest.mark.stack

PLAYER = "player-0048"
GOOD = {"player_id": PLAYER, "round_id": "r", "game_id": "dice", "currency": "EUR", "amount_minor": "100"}


def bet(**changes: Any) -> httpx.Response:
    """Place a bet that differs from a good one in what is given."""
    return httpx.post(
        f"{casino.VAULT}/wallet/bet",
        headers=casino.session(PLAYER),
        json=GOOD | {"transaction_id": str(uuid.uuid4())} | changes,
    )


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"currency": "XXX"}, 422, "wrong_currency"),
        ({"currency": "USD"}, 422, "wrong_currency"),
        ({"amount_minor": "-100"}, 422, "invalid_amount"),
        ({"amount_minor": "1.5"}, 422, "invalid_amount"),
        ({"amount_minor": "1e3"}, 422, "invalid_amount"),
        ({"amount_minor": "0"}, 422, "invalid_amount"),
        ({"amount_minor": "50001"}, 422, "over_limit"),
        ({"player_id": "player-0047"}, 403, "forbidden"),
        ({"player_id": "nobody"}, 403, "forbidden"),
    ],
)
def test_a_bad_bet_is_refused_with_a_problem_and_moves_no_money(
    stack: NativeStack, changes: dict[str, Any], status: int, code: str
) -> None:
    del stack
    before = casino.balance(PLAYER, "EUR")
    answer = bet(**changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert casino.balance(PLAYER, "EUR") == before


def malformed_contexts(carrier: str) -> float:
    """How many trace contexts could not be read from this kind of carrier."""
    found = backends.metric(f'sum(pitboss_propagation_malformed_total{{carrier="{carrier}"}})')
    return found[0][1] if found else 0.0


def test_malformed_json_is_a_problem(stack: NativeStack) -> None:
    del stack
    answer = httpx.post(
        f"{casino.VAULT}/wallet/bet",
        headers=casino.session(PLAYER) | {"content-type": "application/json"},
        content=b'{"player_id": ',
    )
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == "malformed_request"


def test_an_unknown_player_has_no_session(stack: NativeStack) -> None:
    del stack
    answer = httpx.post(f"{casino.VAULT}/session", json={"player_id": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_player")


def test_a_transaction_id_with_another_body_is_a_conflict(stack: NativeStack) -> None:
    del stack
    transaction_id = str(uuid.uuid4())
    assert bet(transaction_id=transaction_id).status_code == httpx.codes.OK
    before = casino.balance(PLAYER, "EUR")
    assert bet(transaction_id=transaction_id).json()["replayed"] is True
    answer = bet(transaction_id=transaction_id, amount_minor="200")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert casino.balance(PLAYER, "EUR") == before


def test_a_refused_bet_is_logged_and_counted_by_its_reason(stack: NativeStack) -> None:
    del stack
    answer = bet(amount_minor="999999")
    trace_id = answer.json()["trace_id"]

    def logged() -> bool:
        lines = backends.logs(f'{{service_name="vault"}} | trace_id="{trace_id}"')
        return any(json.loads(line).get("reason") == "over_limit" for _, line in lines)

    assert until(logged, seconds=20, what="the log line of the refused bet")
    query = 'sum(casino_bet_rejected_total{reason="over_limit"})'
    assert until(lambda: backends.metric(query), seconds=30, what="the counter")[0][1] >= 1


@pytest.mark.parametrize(
    "traceparent", ["garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff-" + "1" * 500, "00-xyz-abc-01"]
)
def test_a_malformed_traceparent_starts_a_trace_of_its_own(stack: NativeStack, traceparent: str) -> None:
    del stack
    answer = httpx.post(
        f"{casino.VAULT}/wallet/bet",
        headers=casino.session(PLAYER) | {"traceparent": traceparent},
        json=GOOD | {"transaction_id": str(uuid.uuid4()), "currency": "XXX"},
    )
    assert answer.status_code == 422
    assert len(answer.json()["trace_id"]) == 32
    assert int(answer.json()["trace_id"], 16) != 0
    assert until(lambda: malformed_contexts("http"), seconds=30, what="the counter")


def test_poison_messages_stop_no_consumer(stack: NativeStack) -> None:
    del stack
    producer = KafkaProducer(bootstrap_servers="127.0.0.1:19092")
    poison = [
        (b"not json", []),
        (b"", []),
        (None, []),
        (b"[]", []),
        (b'{"schema_version": 99}', []),
        (b'{"schema_version":1,"type":"bet","amount_minor":"-1"}', [("traceparent", b"\xff\xfe")]),
        (b"{}", [("traceparent", b"garbage"), ("traceparent", b"00-zz")]),
    ]
    for value, headers in poison:
        for partition in range(6):
            producer.send("wallet.events", value=value, key=b"x", headers=headers, partition=partition)
            producer.send("rewards.events", value=value, key=b"x", headers=headers, partition=partition)
    producer.flush(timeout=20)
    producer.close()

    placed = casino.place_bet(player="player-0046", amount_minor="20000", expect=("balance", "level_up"))
    assert placed.pushes["level_up"]["data"]["tier"] == "silver"

    def rejected() -> float:
        found = backends.metric('sum(casino_rewards_events_total{result="rejected"})')
        return found[0][1] if found else 0.0

    assert until(lambda: rejected() >= len(poison), seconds=30, what="the count of rejected events")
    assert until(lambda: malformed_contexts("kafka"), seconds=30, what="the counter")


async def connect(token: str) -> socketio.AsyncClient:
    """A plain, uninstrumented client."""
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(casino.ROOM_SERVICE, auth={"token": token}, transports=["websocket"])
    return client


def token_of(player: str) -> str:
    """The raw session token."""
    return casino.session(player)["Authorization"].removeprefix("Bearer ")


async def test_a_bad_token_is_refused_by_the_socket(stack: NativeStack) -> None:
    del stack
    refusals: list[Any] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("connect_error", refusals.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(casino.ROOM_SERVICE, auth={"token": "nonsense"}, transports=["websocket"])
    assert [refusal["data"]["code"] for refusal in refusals] == ["unauthenticated"]


async def test_an_oversized_payload_ends_its_connection_and_nobody_elses(stack: NativeStack) -> None:
    del stack
    attacker = await connect(token_of("player-0045"))
    victim = await connect(token_of("player-0044"))
    gone = asyncio.Event()
    attacker.on("disconnect", lambda *_: gone.set())
    await attacker.emit("chat", {"room": "lobby", "text": "x" * 1_000_000})
    await asyncio.wait_for(gone.wait(), 20)
    answer = await victim.call("chat", {"room": "lobby", "text": "hello"}, timeout=10)
    assert answer["status"] == "ok"
    await victim.disconnect()


@pytest.mark.parametrize(
    "payload",
    [None, 5, [], {}, {"room": "lobby"}, {"room": "nowhere", "text": "x"}, {"room": "lobby", "text": 5}],
)
async def test_a_malformed_chat_message_gets_a_typed_error(stack: NativeStack, payload: Any) -> None:
    del stack
    client = await connect(token_of("player-0043"))
    answer = await client.call("chat", payload, timeout=10)
    assert answer["status"] == "error"
    assert answer["code"]
    await client.disconnect()


async def test_a_malformed_carrier_starts_a_trace_of_its_own(stack: NativeStack) -> None:
    del stack
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(
        f"{casino.ROOM_SERVICE}?otel=1", auth={"token": token_of("player-0042")}, transports=["websocket"]
    )
    carrier = {"_otel": {"traceparent": "00-" + "f" * 5000, "tracestate": 5, "baggage": "admin=true"}}
    answer = await client.call("chat", ({"room": "lobby", "text": "hello"}, carrier), timeout=10)
    assert answer["status"] == "ok"
    await client.disconnect()
    assert until(lambda: malformed_contexts("socketio"), seconds=30, what="the counter")
    assert until(
        lambda: backends.logs('{service_name="room-service"} |= "malformed trace context on socketio"'),
        seconds=20,
        what="the log line",
    )
