"""The Ray Serve deployment: one process that holds the model and answers requests together."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from torch import Tensor

from deploy.errors import ModelError
from deploy.maps.tiles import Find
from deploy.maps.vectors import crs_member
from deploy.serving.requests import MEDIA_TYPES, RefusalError, answer_form, image_in, read_body
from deploy.tasks import use_of
from deploy.trained import Trained, open_trained

BATCH_WAIT_S = 0.01
"""How long a tile waits for others to be shown to the model with it."""

AT_ONCE = 8
WAITING = 32
"""Requests that are worked on together, and those that may wait; further ones get 503."""


class Answers:
    """POST an image to /, GET /health. Tiles of all requests are shown to the model in batches."""

    def __init__(self, run: Path, name: str, device: str, max_bytes: int) -> None:
        self.trained = open_trained(run, name, torch.device(device))
        self.max_bytes = max_bytes
        # A pool of its own: threads that wait for the model must not keep it from getting one.
        self._model_thread = ThreadPoolExecutor(1)
        self._answering = ThreadPoolExecutor(AT_ONCE)
        self._found.set_max_batch_size(self.trained.batch)

    async def __call__(self, request: Request) -> Response:
        """Route a request; if it is refused, the answer is {"error": "…"}."""
        try:
            return await self._routed(request)
        except RefusalError as refusal:
            return JSONResponse({"error": str(refusal)}, refusal.status)

    async def _routed(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/health":
                return self._health()
            case "POST", "/":
                return await self._answered(request)
            case _, "/" | "/health":
                raise RefusalError(405, "POST an image to /, or GET /health")
            case _, path:
                raise RefusalError(404, f"there is nothing at {path}: POST an image to /")
        raise AssertionError("every request matches a case")

    def _health(self) -> Response:
        trained, data = self.trained, self.trained.data
        return JSONResponse(
            {
                "status": "ok",
                "model": trained.name,
                "task": trained.task,
                "classes": data.classes,
                "bands": data.bands,
                "dtype": data.dtype,
            }
        )

    async def _answered(self, request: Request) -> Response:
        form = answer_form(
            request.query_params.get("format"),
            request.headers.get("accept"),
            use_of(self.trained.task).answers,
        )
        body = await read_body(
            request.headers.get("content-length"), request.stream(), self.max_bytes
        )
        loop = asyncio.get_running_loop()

        def find(tiles: NDArray[np.generic]) -> list[dict[str, Tensor]]:
            async def together() -> list[dict[str, Tensor]]:
                return await asyncio.gather(*(self._found(tile) for tile in tiles))

            return asyncio.run_coroutine_threadsafe(together(), loop).result()

        content = await loop.run_in_executor(
            self._answering, answer_image, body, form, self.trained, find
        )
        return Response(content, media_type=MEDIA_TYPES[form])

    @serve.batch(batch_wait_timeout_s=BATCH_WAIT_S)
    async def _found(self, tiles: list[NDArray[np.generic]]) -> list[dict[str, Tensor]]:
        """What the model finds in each tile, whichever request it is of."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._model_thread, self.trained.find, np.stack(tiles))


def answer_image(body: bytes, form: str, trained: Trained, find: Find) -> bytes:
    """Show the image in `body` to a model.

    Raises:
        RefusalError: the body cannot be used.
    """
    with image_in(body, trained.data) as image:
        if form == "geojson":
            try:
                crs_member(image.crs)
            except ModelError as error:
                raise RefusalError(422, str(error)) from None
        return use_of(trained.task).answers[form](image, trained, find)


def application(run: Path, name: str, device: str, max_bytes: int) -> Any:
    """What Ray Serve runs: `Answers` with the arguments that its worker makes it with."""
    deployment = serve.deployment(max_ongoing_requests=AT_ONCE, max_queued_requests=WAITING)
    return deployment(Answers).bind(run, name, device, max_bytes)
