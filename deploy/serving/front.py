"""What answers HTTP before the model is asked: who may send how much, and how slowly.

It runs in the process of the command. Bodies are read here, so that a client that sends slowly
holds a connection, and never a place at the model.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ray import serve
from ray.serve.exceptions import BackPressureError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from deploy.serving.requests import (
    MEDIA_TYPES,
    RefusalError,
    Reply,
    Room,
    answer_form,
    read_body,
    refused,
)
from deploy.tasks import use_of
from deploy.trained import Trained

Ask = Callable[[bytes, str], Awaitable[Reply]]
"""Body and form of an answer → the answer of the model's process."""

BODIES = 8
"""Largest bodies that are held at once; what goes beyond gets 503."""


class Front:
    """POST an image to /, GET /health: an ASGI application.

    Args:
        trained: the model that answers.
        ask: asks it.
        max_bytes, max_seconds: of a body.
    """

    def __init__(self, trained: Trained, ask: Ask, max_bytes: int, max_seconds: float) -> None:
        self._trained, self._ask = trained, ask
        self._max_bytes, self._max_seconds = max_bytes, max_seconds
        self._room = Room(BODIES * max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; if it is refused, the answer is {"error": "…"}."""
        try:
            response = await self._routed(Request(scope, receive))
        except RefusalError as refusal:
            response = _response(refused(refusal))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _routed(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/health":
                return await self._health()
            case "POST", "/":
                return await self._answered(request)
            case _, "/" | "/health":
                raise RefusalError(405, "POST an image to /, or GET /health")
            case _, path:
                raise RefusalError(404, f"there is nothing at {path}: POST an image to /")
        raise AssertionError("every request matches a case")

    async def _health(self) -> Response:
        status = await asyncio.to_thread(serve.status)
        running = all(one.status == "RUNNING" for one in status.applications.values())
        data = self._trained.data
        content: dict[str, Any] = {
            "status": "ok" if running else "the model is starting again",
            "model": self._trained.name,
            "task": self._trained.task,
            "classes": data.classes,
            "bands": data.bands,
            "dtype": data.dtype,
        }
        return JSONResponse(content, 200 if running else 503)

    async def _answered(self, request: Request) -> Response:
        form = answer_form(
            request.query_params.get("format"),
            request.headers.get("accept"),
            use_of(self._trained.task).answers,
        )
        with self._room.share() as take:
            try:
                async with asyncio.timeout(self._max_seconds):
                    declared = request.headers.get("content-length")
                    body = await read_body(declared, request.stream(), self._max_bytes, take)
            except TimeoutError:
                raise RefusalError(
                    408, f"the body took more than {self._max_seconds:g} s, the limit here"
                ) from None
            try:
                return _response(await self._ask(body, form))
            except BackPressureError:
                raise RefusalError(503, "too many images are waiting: try again later") from None


def _response(reply: Reply) -> Response:
    # Who did not send a body in time is not listened to any longer.
    headers = {"connection": "close"} if reply.status == 408 else None
    return Response(reply.content, reply.status, headers, MEDIA_TYPES[reply.form])
