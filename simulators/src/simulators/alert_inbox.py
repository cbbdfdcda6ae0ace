"""The contact point of the local stack: a webhook receiver that keeps every notification it got.

Grafana posts to `/alerts`; tests and people read `/alerts?since=`. It stands outside everything that it is
told about: no telemetry, no database, one file.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic_settings import BaseSettings

from simulators.alert_store import AlertStore
from simulators.problem import problem

MAX_BODY_BYTES = 1024 * 1024

_log = logging.getLogger("uvicorn.error")


class InboxSettings(BaseSettings):
    """Settings from the environment.

    Attributes:
        inbox_path: file of JSON lines that keeps the notifications.
    """

    inbox_path: Path


def create_app(settings: InboxSettings | None = None) -> FastAPI:
    """The receiver as an ASGI application.

    Raises:
        pydantic.ValidationError: INBOX_PATH is missing.
        OSError: the folder of INBOX_PATH cannot be made.
    """
    settings = settings or InboxSettings()  # pyright: ignore[reportCallIssue] - the environment has it
    store = AlertStore(settings.inbox_path)
    app = FastAPI(title="Alert inbox", openapi_url=None)

    @app.get("/liveness")
    async def liveness() -> PlainTextResponse:
        return PlainTextResponse("OK")

    @app.post("/alerts", status_code=201)
    async def receive(request: Request) -> Response:
        body = await _limited_body(request)
        if body is None:
            return problem(413, "payload_too_large", f"Send at most {MAX_BODY_BYTES} bytes.")
        try:
            notification = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return problem(400, "malformed_request", f"The body is not JSON: {error}")
        if not isinstance(notification, dict):
            return problem(
                400, "malformed_request", "The body must be a JSON object, as Grafana's webhook sends it."
            )
        record = {"received_at": datetime.now(UTC).isoformat(), "notification": notification}
        try:
            await run_in_threadpool(store.append, record)
        except OSError as error:
            _log.error("alert not kept: %s", error)
            return problem(
                503, "unavailable", "The notification could not be written to disk; send it again."
            )
        return JSONResponse({"received_at": record["received_at"]}, status_code=201)

    @app.get("/alerts")
    async def alerts(since: str | None = None) -> Response:
        try:
            moment = _moment(since) if since else None
        except ValueError:
            return problem(400, "malformed_request", "since must be an ISO 8601 time or Unix seconds.")
        records: list[dict[str, Any]] = await run_in_threadpool(store.since, moment)
        return JSONResponse({"alerts": records})

    @app.delete("/alerts", status_code=204)
    async def forget() -> Response:
        await run_in_threadpool(store.clear)
        return Response(status_code=204)

    return app


async def _limited_body(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than allowed: the rest is not read into memory."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        # A plus sign in a query string arrives as a space.
        moment = datetime.fromisoformat(
            text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
