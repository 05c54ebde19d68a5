"""What a server refuses, without a server: sizes, bodies, forms."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from deploy.serving.requests import RefusalError, Room, answer_form, image_in, read_body
from runs.records import DataRecord


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(1000)


def ignored(size: int) -> None:
    """In place of a share of room that never ends."""


@pytest.mark.parametrize("declared", [None, "6", "not a number"])
def test_a_body_is_put_together(declared: str | None) -> None:
    body = asyncio.run(read_body(declared, _chunks(b"abc", b"", b"def"), 6, ignored))
    assert body == b"abcdef"


@pytest.mark.parametrize(
    ("declared", "chunks", "status"),
    [
        ("7", _endless(), 413),
        (None, _endless(), 413),
        ("5", _endless(), 413),
        ("0", _chunks(), 400),
    ],
)
def test_a_body_that_is_too_large_or_empty_is_refused(
    declared: str | None, chunks: AsyncIterator[bytes], status: int
) -> None:
    with pytest.raises(RefusalError) as refusal:
        asyncio.run(read_body(declared, chunks, 6, ignored))
    assert refusal.value.status == status


def test_bodies_that_are_too_large_together_are_refused_until_others_have_gone() -> None:
    room = Room(10)
    with room.share() as take:
        assert asyncio.run(read_body(None, _chunks(b"123456"), 6, take)) == b"123456"
        with pytest.raises(RefusalError) as refusal, room.share() as another:
            asyncio.run(read_body(None, _chunks(b"12345"), 6, another))
        assert refusal.value.status == 503
    with room.share() as take:
        assert asyncio.run(read_body(None, _chunks(b"123456"), 6, take)) == b"123456"


@pytest.fixture
def data(make_run: Callable[..., Any]) -> DataRecord:
    return make_run().data


def encoded(driver: str, *shape: int, **profile: Any) -> bytes:
    pixels = np.full(shape, 7, profile.pop("dtype", "uint8"))
    count, height, width = shape
    with rasterio.MemoryFile() as memory:
        form = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
        with memory.open(driver=driver, **form, **profile) as raster:
            raster.write(pixels)
        return memory.read()


def sparse(side: int, count: int = 3) -> bytes:
    """A GeoTIFF of a few kB that claims to be of any size."""
    with rasterio.MemoryFile() as memory:
        form = {"count": count, "height": side, "width": side, "dtype": "uint8", "tiled": True}
        with memory.open(driver="GTiff", **form, blockxsize=2048, blockysize=2048, SPARSE_OK=True):
            pass
        return memory.read()


@pytest.mark.parametrize("driver", ["GTiff", "PNG", "JPEG"])
def test_images_are_read(data: DataRecord, driver: str) -> None:
    with image_in(encoded(driver, 3, 20, 30), data) as image:
        assert (image.height, image.width, len(image.raster.bands)) == (20, 30, 3)


def test_a_body_cannot_make_gdal_read_other_files(data: DataRecord, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tif"
    secret.write_bytes(encoded("GTiff", 3, 20, 30))
    source = f"<SimpleSource><SourceFilename>{secret}</SourceFilename></SimpleSource>"
    band = f'<VRTRasterBand dataType="Byte" band="{{}}">{source}</VRTRasterBand>'
    bands = "".join(band.format(number) for number in (1, 2, 3))
    body = f'<VRTDataset rasterXSize="30" rasterYSize="20">{bands}</VRTDataset>'.encode()
    with pytest.raises(RefusalError) as refusal, image_in(body, data):
        pass
    assert refusal.value.status == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"GIF89a" + bytes(100), 415),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 400),
        (b"II*\0" + struct.pack("<I", 2**31) + bytes(100), 400),
        (encoded("PNG", 1, 20, 30), 422),
        (encoded("PNG", 3, 20, 30, dtype="uint16"), 422),
        (sparse(5000), 422),
        (sparse(100, count=300), 422),
    ],
)
def test_bodies_that_are_no_such_image_are_refused(
    data: DataRecord, body: bytes, status: int
) -> None:
    assert len(body) < 10_000
    with pytest.raises(RefusalError) as refusal, image_in(body, data):
        pass
    assert refusal.value.status == status


def test_a_truncated_image_is_refused_when_it_is_read(data: DataRecord) -> None:
    body = encoded("PNG", 3, 200, 300)
    with pytest.raises(RefusalError) as refusal, image_in(body[:-30], data) as image:
        image.read((0, 0, 300, 200))  # type: ignore[arg-type]
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("asked", "accept", "form"),
    [
        (None, None, "geojson"),
        (None, "*/*", "geojson"),
        (None, "text/html, image/png;q=0.5", "png"),
        (None, "image/*", "tif"),
        ("png", "image/tiff", "png"),
        ("gif", None, None),
        (None, "text/html", None),
    ],
)
def test_the_form_of_the_answer_is_the_one_asked_for(
    asked: str | None, accept: str | None, form: str | None
) -> None:
    known = ("geojson", "tif", "png")
    if form is not None:
        assert answer_form(asked, accept, known) == form
        return
    with pytest.raises(RefusalError, match="available; there are") as refusal:
        answer_form(asked, accept, known)
    assert refusal.value.status == 406
