"""Problem details: one shape for every error, nothing of the inside in it, the trace id always."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel

from casino import problems
from casino.problems import STATUS, TITLES, Code, ProblemError


class Body(BaseModel):
    """A request body."""

    name: str


class OutageError(Exception):
    """A dependency is away."""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app, outages=(OutageError,))
    tracer = TracerProvider().get_tracer("test")

    @app.get("/problem/{code}")
    async def problem(code: Code) -> None:
        with tracer.start_as_current_span("request"):
            raise ProblemError(code, "a detail", fields={"tx.id": "t-1"}, balance_minor="5")

    @app.post("/body")
    async def body(request: Body) -> Body:
        return request

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("SELECT secret")

    @app.get("/outage")
    async def outage() -> None:
        raise OutageError("host=db password=secret")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def test_every_code_has_a_status_and_a_title() -> None:
    assert set(STATUS) == set(TITLES) == set(Code)


@pytest.mark.parametrize("code", Code)
async def test_a_problem_has_the_members_of_rfc_9457(client: httpx.AsyncClient, code: Code) -> None:
    answer = await client.get(f"/problem/{code.value}")
    assert answer.status_code == STATUS[code]
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body | {"trace_id": None} == {
        "type": f"urn:pitboss:problem:{code.value}",
        "title": TITLES[code],
        "status": STATUS[code],
        "detail": "a detail",
        "code": code.value,
        "trace_id": None,
        "balance_minor": "5",
    }


async def test_a_problem_leaves_one_log_line_with_its_reason_and_fields(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines:
        await client.get("/problem/over_limit")
    assert [(line["event.name"], line["reason"], line["http.route"], line["tx.id"]) for line in lines] == [
        ("http.problem", "over_limit", "/problem/{code}", "t-1")
    ]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"{", 400, "not_json"),
        (b"", 422, "missing_field"),
        (b"[]", 422, "invalid_field"),
        (b"{}", 422, "missing_field"),
        (b'{"name": 5}', 422, "invalid_field"),
        (b'{"name": "\xff"}', 400, "malformed_request"),
        (b"[" * 100_000, 400, "malformed_request"),
        (b'{"name": ' + b"1" * 5000 + b"}", 400, "malformed_request"),
    ],
)
async def test_a_malformed_body_is_a_problem(
    client: httpx.AsyncClient, content: bytes, status: int, reason: str
) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await client.post("/body", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, "malformed_request")
    assert lines[0]["reason"] == reason


async def test_a_refused_value_is_not_repeated(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", json={"name": {"card": "4111111111111111"}})
    assert "4111" not in answer.text
    assert "body.name" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("DELETE", "/body", 405, "method_not_allowed"),
        ("GET", "/bug", 500, "internal"),
        ("GET", "/outage", 503, "unavailable"),
    ],
)
async def test_errors_of_the_inside_say_nothing_about_it(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_an_outage_says_when_to_come_again(client: httpx.AsyncClient) -> None:
    assert (await client.get("/outage")).headers["retry-after"] == "1"
