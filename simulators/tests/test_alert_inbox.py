"""The inbox keeps what it got, refuses what it can't read, and stays bounded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from simulators import alert_inbox
from simulators.alert_inbox import InboxSettings, create_app
from simulators.alert_store import AlertStore

Lines = Callable[[], list[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox" / "alerts.jsonl"


@pytest.fixture
def lines(path: Path) -> Lines:
    return lambda: path.read_text().splitlines()


@pytest.fixture
def client(path: Path) -> httpx.AsyncClient:
    app = create_app(InboxSettings(inbox_path=path))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inbox")


async def test_what_was_received_can_be_read_and_is_a_line_on_disk(client: httpx.AsyncClient, lines: Lines):
    answer = await client.post(
        "/alerts", json={"status": "firing", "alerts": [{"labels": {"alertname": "Vault"}}]}
    )

    assert answer.status_code == 201
    (kept,) = (await client.get("/alerts")).json()["alerts"]
    assert kept["notification"]["alerts"][0]["labels"]["alertname"] == "Vault"
    assert [json.loads(line) for line in lines()] == [kept]


async def test_since_leaves_out_what_came_before(client: httpx.AsyncClient):
    await client.post("/alerts", json={"number": 1})
    between = (await client.post("/alerts", json={"number": 2})).json()["received_at"]

    by_iso = (await client.get("/alerts", params={"since": between})).json()["alerts"]
    by_unix = (
        await client.get("/alerts", params={"since": datetime.fromisoformat(between).timestamp()})
    ).json()
    unescaped_plus = (await client.get(f"/alerts?since={between}")).json()["alerts"]

    assert [record["notification"]["number"] for record in by_iso] == [2]
    assert by_unix["alerts"] == by_iso == unescaped_plus


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe"])
async def test_a_malformed_body_is_a_problem_and_nothing_is_kept(client: httpx.AsyncClient, body: bytes):
    answer = await client.post("/alerts", content=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "malformed_request"
    assert (await client.get("/alerts")).json() == {"alerts": []}


async def test_an_oversized_body_is_refused(client: httpx.AsyncClient):
    answer = await client.post("/alerts", content=b"x" * (alert_inbox.MAX_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert answer.json()["code"] == "payload_too_large"


async def test_a_malformed_since_is_a_problem(client: httpx.AsyncClient):
    assert (await client.get("/alerts", params={"since": "yesterday"})).status_code == 400


async def test_delete_forgets_everything(client: httpx.AsyncClient):
    await client.post("/alerts", json={"number": 1})

    assert (await client.delete("/alerts")).status_code == 204
    assert (await client.get("/alerts")).json() == {"alerts": []}


async def test_a_disk_that_fails_is_a_problem_and_not_a_crash(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert (await client.post("/alerts", json={})).status_code == 503
    assert (await client.get("/liveness")).text == "OK"


def test_the_files_stay_bounded_and_the_newest_are_kept(path: Path):
    store = AlertStore(path, max_bytes=1000)
    for number in range(200):
        store.append({"received_at": datetime.now(UTC).isoformat(), "number": number})

    kept = [record["number"] for record in store.since()]
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 2000
    assert kept == list(range(200 - len(kept), 200))
    assert len(kept) > 10


def test_half_a_line_of_a_crash_costs_only_itself(path: Path):
    store = AlertStore(path)
    store.append({"received_at": datetime.now(UTC).isoformat(), "number": 1})
    with path.open("ab") as file:
        file.write(b'{"received_at": "2026-')

    store.append({"received_at": datetime.now(UTC).isoformat(), "number": 2})

    assert [record["number"] for record in AlertStore(path).since()] == [1, 2]
