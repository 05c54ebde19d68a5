"""What is asked over HTTP: an image in a body, and the form of the answer. Nothing is trusted."""

import json
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from datasets.rasters import STRICT
from deploy.errors import ModelError
from deploy.maps.images import CACHE_MB, Image, check_scale, image_of
from runs.errors import EosweepError
from runs.records import DataRecord

MAX_PIXELS = 4096**2
"""Of an image: a body of a few kB can hold one that takes any amount of memory and time."""

DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
"""How a body begins → the one driver that may read it. Others of GDAL's follow references to files
and to the network."""

MEDIA_TYPES = {
    "geojson": "application/geo+json",
    "tif": "image/tiff",
    "png": "image/png",
    "json": "application/json",
}
"""What an answer can be, by its name in the address; `json` is a refusal's."""


class Reply(NamedTuple):
    """An answer over HTTP; `form` is one of `MEDIA_TYPES`."""

    status: int
    form: str
    content: bytes


class RefusalError(EosweepError):
    """A request that is not answered: an HTTP status of 4xx and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def refused(refusal: RefusalError) -> Reply:
    """A refusal as an answer."""
    return Reply(refusal.status, "json", json.dumps({"error": str(refusal)}).encode())


class Room:
    """Bytes that the bodies of all requests may take together."""

    def __init__(self, size: int) -> None:
        self._free = size

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Takes a number of bytes at each call, and gives them all back when the block ends.

        The call raises RefusalError if there are not as many.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._free:
                raise RefusalError(503, "too many images are being sent: try again later")
            self._free -= size
            taken += size

        try:
            yield take
        finally:
            self._free += taken


async def read_body(
    declared: str | None,
    chunks: AsyncIterator[bytes],
    limit: int,
    take: Callable[[int], None],
) -> bytes:
    """The body of a request, of at most `limit` bytes.

    Args:
        declared: its length by the header, if there is one.
        chunks: the body as it comes in; no more of it is held than `limit` and a chunk.
        take: is called with the size of each chunk before it is held, see `Room`.

    Raises:
        RefusalError: it is larger, or empty; or `take` refuses.
    """
    large = RefusalError(413, f"the body has more than {limit / 1e6:g} MB, which is the limit here")
    if declared is not None and declared.isdecimal() and int(declared) > limit:
        raise large
    body = bytearray()
    async for chunk in chunks:
        if len(body) + len(chunk) > limit:
            raise large
        take(len(chunk))
        body += chunk
    if not body:
        raise RefusalError(400, "the body is empty: send the bytes of an image")
    return bytes(body)


@contextmanager
def image_in(body: bytes, data: DataRecord) -> Iterator[Image]:
    """The image that a body holds.

    Raises:
        RefusalError: the body is no GeoTIFF, PNG or JPEG, is damaged, which may show only when
            pixels are read, or is not what the model was trained on.
    """
    driver = next((name for start, name in DRIVERS.items() if body.startswith(start)), None)
    if driver is None:
        raise RefusalError(415, "the body is no GeoTIFF, PNG or JPEG")
    with (
        warnings.catch_warnings(),
        rasterio.Env(**STRICT, GDAL_CACHEMAX=CACHE_MB),
        MemoryFile(body) as memory,
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            reader = memory.open(driver=driver)
        except RasterioError:
            raise RefusalError(400, "the body begins as an image, but cannot be read") from None
        with reader:
            if reader.height * reader.width > MAX_PIXELS:
                raise RefusalError(
                    422,
                    f"the image is {reader.height} × {reader.width} px; {MAX_PIXELS:,} px are the "
                    "limit here: send it in parts, or use python -m deploy predict",
                )
            try:
                image = image_of(reader, "the image", data, content=BytesIO(body))
            except ModelError as error:
                raise RefusalError(422, str(error)) from None
            try:
                check_scale(image, data)
                yield image
            except ModelError as error:
                raise RefusalError(400, str(error)) from None


def answer_form(asked: str | None, accept: str | None, known: Collection[str]) -> str:
    """What the answer shall be: one of `known`, keys of `MEDIA_TYPES`, the first by default.

    Args:
        asked: the `format` of the address, which comes first.
        accept: the header: media types, the preferred one first.

    Raises:
        RefusalError: it is none of them.
    """
    if asked is not None:
        if asked in known:
            return asked
        raise RefusalError(406, f"format={asked} is not available; there are {', '.join(known)}")
    wanted = [part.split(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    for media_type in wanted:
        for form in known:
            if media_type in (MEDIA_TYPES[form], "*/*", f"{MEDIA_TYPES[form].split('/')[0]}/*"):
                return form
    types = ", ".join(MEDIA_TYPES[form] for form in known)
    raise RefusalError(406, f"none of {accept} is available; there are {types}")
