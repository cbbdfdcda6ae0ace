"""Refuses request bodies that no endpoint here needs, before they are in memory."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casino import problems
from casino.problems import Code, ProblemError

MAX_BODY_BYTES = 64 * 1024


class BodyLimit:
    """ASGI middleware: a body of more than `limit` bytes, declared or counted, is a 413 problem."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Read here, as far as the limit: an exception from inside receive() would look like a bad body.
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self.limit:
                await self._refuse(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        buffered = iter(messages)

        async def replay() -> Message:
            return next(buffered, None) or await receive()

        await self.app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = ProblemError(
            Code.MALFORMED_REQUEST,
            f"a body has at most {self.limit} bytes",
            reason="too_large",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            headers={"Connection": "close"},
        )
        await problems.answer(problem, "unmatched")(scope, receive, send)
