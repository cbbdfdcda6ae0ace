"""Errors of the simulators' HTTP servers as problem details (RFC 9457)."""

from __future__ import annotations

from fastapi.responses import JSONResponse


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """A problem response.

    Args:
        status: HTTP status.
        code: stable name of the problem, the last part of its type URN.
        detail: what is wrong and what to do about it.
    """
    return JSONResponse(
        {
            "type": f"urn:pitboss:problem:{code}",
            "title": code.replace("_", " ").capitalize(),
            "status": status,
            "detail": detail,
            "code": code,
        },
        status_code=status,
        media_type="application/problem+json",
    )
