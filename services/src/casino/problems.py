"""Errors of the HTTP API as RFC 9457 problem details, each with a code from a closed set.

Every problem that is answered leaves a log line and a count with a bounded reason. No detail of the
inside (exception text, SQL, addresses) leaves by the answer.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode, format_trace_id
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casino import metrics

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """What went wrong, stable for programs; see `TITLES` and `STATUS`."""

    MALFORMED_REQUEST = "malformed_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNKNOWN_PLAYER = "unknown_player"
    WRONG_CURRENCY = "wrong_currency"
    INVALID_AMOUNT = "invalid_amount"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    OVER_LIMIT = "over_limit"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


STATUS: dict[Code, int] = {
    Code.MALFORMED_REQUEST: 422,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.UNKNOWN_PLAYER: 404,
    Code.WRONG_CURRENCY: 422,
    Code.INVALID_AMOUNT: 422,
    Code.INSUFFICIENT_FUNDS: 402,
    Code.OVER_LIMIT: 422,
    Code.IDEMPOTENCY_CONFLICT: 409,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}

TITLES: dict[Code, str] = {
    Code.MALFORMED_REQUEST: "The request can't be read",
    Code.UNAUTHENTICATED: "A valid session token is needed",
    Code.FORBIDDEN: "The session belongs to another player",
    Code.NOT_FOUND: "There is nothing at this address",
    Code.METHOD_NOT_ALLOWED: "This address does not take this method",
    Code.UNKNOWN_PLAYER: "The player is not known",
    Code.WRONG_CURRENCY: "The player has no wallet in this currency",
    Code.INVALID_AMOUNT: "The amount is not a whole number of minor units",
    Code.INSUFFICIENT_FUNDS: "The balance is too small",
    Code.OVER_LIMIT: "The stake is over the limit",
    Code.IDEMPOTENCY_CONFLICT: "The transaction id was used with another body",
    Code.UNAVAILABLE: "The service can't answer now, try again",
    Code.INTERNAL: "The service made a mistake",
}


class ProblemError(Exception):
    """Raise it anywhere in a request; the handler makes the answer, the log line and the count.

    `detail` is for the caller's eyes. `reason` narrows the code down for log and metric: it must come
    from a closed set. `fields` go to the log line only. `members` are further members of the answer
    (RFC 9457 section 3.2).
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        reason: str | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        fields: dict[str, Any] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.reason = reason or code.value
        self.status = status or STATUS[code]
        self.headers = headers
        self.fields = fields or {}
        self.members = members


class ProblemDetails(BaseModel):
    """The shape of the answer, for the OpenAPI document."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    trace_id: str | None


def current_trace_id() -> str | None:
    """The trace id of the current span in hex, or None outside of a trace."""
    context = trace.get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def answer(problem: ProblemError, route: str) -> JSONResponse:
    """Make the answer of a problem; log and count it. `route` is the template, never the raw path."""
    attributes = {"code": problem.code.value, "reason": problem.reason, "http.route": route}
    metrics.problems.add(1, attributes)
    span = trace.get_current_span()
    span.set_attribute("casino.problem.code", problem.code.value)
    write = log.error if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.warning
    write(
        "request refused",
        **{
            "event.name": "http.problem",
            **problem.fields,
            "outcome": "rejected",
            "code": problem.code.value,
            "reason": problem.reason,
            "http.route": route,
            "http.response.status_code": problem.status,
        },
    )
    body = {
        "type": f"urn:pitboss:problem:{problem.code.value}",
        "title": TITLES[problem.code],
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code.value,
        "trace_id": current_trace_id(),
        **problem.members,
    }
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def route_of(scope: Scope) -> str:
    """The template of the route that was matched; "unmatched" where none was."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def from_validation(error: RequestValidationError) -> ProblemError:
    """Turn FastAPI's validation errors into a problem that names fields and never repeats values."""
    mistakes = error.errors()
    if any(mistake["type"] == "json_invalid" for mistake in mistakes):
        return ProblemError(Code.MALFORMED_REQUEST, "the body is not JSON", reason="not_json", status=400)
    names = sorted({".".join(str(part) for part in mistake["loc"][:2]) for mistake in mistakes})
    missing = any(mistake["type"] == "missing" for mistake in mistakes)
    return ProblemError(
        Code.MALFORMED_REQUEST,
        "; ".join(f"{name[:80]}: missing or wrong" for name in names[:10]),
        reason="missing_field" if missing else "invalid_field",
    )


def from_http(error: HTTPException) -> ProblemError:
    """Turn what Starlette itself raises (no route, wrong method, unreadable body) into a problem."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return ProblemError(Code.NOT_FOUND, "no such address")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            headers = dict(error.headers) if error.headers else None
            return ProblemError(Code.METHOD_NOT_ALLOWED, "no such method here", headers=headers)
        case HTTPStatus.UNAUTHORIZED:
            return ProblemError(Code.UNAUTHENTICATED, "send a session token")
        case status:
            return ProblemError(Code.MALFORMED_REQUEST, "the request can't be read", status=status)


def internal(error: Exception) -> ProblemError:
    """Record a mistake of our own on the span and in the log; the caller learns only that there was one."""
    span = trace.get_current_span()
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    log.error(
        "unhandled error",
        exc_info=error,
        **{"event.name": "http.error", "error.type": type(error).__name__},
    )
    return ProblemError(Code.INTERNAL, "an internal error, it has been recorded")


def unavailable(error: Exception | None = None, reason: str = "dependency") -> ProblemError:
    """A dependency does not answer: nothing was decided, the same request may be sent again."""
    if error is not None:
        log.warning(
            "dependency failed",
            exc_info=error,
            **{"event.name": "dependency.failed", "error.type": type(error).__name__},
        )
    return ProblemError(
        Code.UNAVAILABLE, "try again in a moment", reason=reason, headers={"Retry-After": "1"}
    )


class _CatchAll:
    """Answers what no handler knew, inside the server span, so that the trace id is in the answer."""

    def __init__(self, app: ASGIApp, outages: tuple[type[Exception], ...]) -> None:
        self.app = app
        self.outages = outages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            problem = unavailable(error) if isinstance(error, self.outages) else internal(error)
            await answer(problem, route_of(scope))(scope, receive, send)


def install(app: FastAPI, outages: tuple[type[Exception], ...] = ()) -> None:
    """Make every error of the app a problem. `outages`: exceptions that mean 503, try again."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProblemError)  # noqa: S101
        return answer(error, route_of(request.scope))

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(from_validation(error), route_of(request.scope))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        return answer(from_http(error), route_of(request.scope))

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_middleware(_CatchAll, outages=outages)
