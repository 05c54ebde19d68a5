"""The Ray Serve deployment: one process that holds the model and answers images together."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray import serve
from torch import Tensor

from deploy.errors import ModelError
from deploy.maps.tiles import Find
from deploy.maps.vectors import crs_member
from deploy.serving.requests import RefusalError, Reply, image_in, refused
from deploy.tasks import use_of
from deploy.trained import Trained, open_trained

BATCH_WAIT_S = 0.01
"""How long a tile waits for others to be shown to the model with it."""

AT_ONCE = 8
WAITING = 32
"""Images that are worked on together, and those that may wait; further ones get 503."""


class Answers:
    """Answers images. Tiles of all of them are shown to the model in batches."""

    def __init__(self, run: Path, name: str, device: str) -> None:
        self.trained = open_trained(run, name, torch.device(device))
        # A pool of its own: threads that wait for the model must not keep it from getting one.
        self._model_thread = ThreadPoolExecutor(1)
        self._answering = ThreadPoolExecutor(AT_ONCE)
        self._found.set_max_batch_size(self.trained.batch)

    async def __call__(self, body: bytes, form: str) -> Reply:
        """What the model finds in the image that `body` holds, or why it is not looked at."""
        loop = asyncio.get_running_loop()

        def find(tiles: NDArray[np.generic]) -> list[dict[str, Tensor]]:
            async def together() -> list[dict[str, Tensor]]:
                return await asyncio.gather(*(self._found(tile) for tile in tiles))

            return asyncio.run_coroutine_threadsafe(together(), loop).result()

        return await loop.run_in_executor(
            self._answering, answer_image, body, form, self.trained, find
        )

    @serve.batch(batch_wait_timeout_s=BATCH_WAIT_S)
    async def _found(self, tiles: list[NDArray[np.generic]]) -> list[dict[str, Tensor]]:
        """What the model finds in each tile, whichever image it is of."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._model_thread, self.trained.find, np.stack(tiles))


def answer_image(body: bytes, form: str, trained: Trained, find: Find) -> Reply:
    """Show the image in `body` to a model."""
    try:
        with image_in(body, trained.data) as image:
            if form == "geojson":
                try:
                    crs_member(image.crs)
                except ModelError as error:
                    raise RefusalError(422, str(error)) from None
            return Reply(200, form, use_of(trained.task).answers[form](image, trained, find))
    except RefusalError as refusal:
        return refused(refusal)


def application(run: Path, name: str, device: str) -> Any:
    """What Ray Serve runs: `Answers` with the arguments that its worker makes it with."""
    deployment = serve.deployment(max_ongoing_requests=AT_ONCE, max_queued_requests=WAITING)
    return deployment(Answers).bind(run, name, device)
