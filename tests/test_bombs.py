"""Files of a few kB that unpack to any size are refused before memory is taken."""

import resource
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import torch

from datasets import DataError
from datasets.annotations import coco as coco_boxes
from datasets.annotations import find, read
from datasets.landslide4sense import Landslide4Sense
from datasets.rasters import read_raster
from datasets.source import Item, Window
from models.pretraining.files import read_tensors
from models.pretraining.hub import WeightsUnavailableError
from runs.archives import ArchiveError, read_arrays
from runs.predictions import PredictionsError, read_predictions, write_predictions
from sweeps.faults import SweepError
from sweeps.read import read_sweep

ROOM = 2**31
"""Bytes of address space that reading a bomb may take beyond what the process has."""


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """Who takes more than `ROOM` gets a MemoryError, which is no refusal."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def png(file: Path) -> str:
    """Its header says 60,000 × 60,000, and little follows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(200_000))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return "11 GB of it are wanted"


def tiff(file: Path) -> str:
    """A million pixels a side, none of which is stored."""
    form = {"count": 1, "height": 10**6, "width": 10**6, "dtype": "uint8", "SPARSE_OK": True}
    with rasterio.open(
        file, "w", driver="GTiff", **form, tiled=True, blockxsize=8192, blockysize=8192
    ):
        pass
    return "more than 100,000,000,000 pixels"


def blocks(file: Path) -> str:
    """A few pixels, in a block of 3 GB."""
    form = {"count": 200, "height": 16, "width": 16, "dtype": "float64", "SPARSE_OK": True}
    with rasterio.open(
        file, "w", driver="GTiff", **form, tiled=True, blockxsize=1024, blockysize=2048
    ):
        pass
    return "stored in blocks of 2048 × 1024"


@pytest.mark.parametrize("bomb", [png, tiff, blocks])
def test_images(bomb: Callable[[Path], str], tmp_path: Path) -> None:
    file = tmp_path / "bomb.tif"
    reason = bomb(file)
    with pytest.raises(DataError, match=reason):
        read_raster(file)


def test_a_large_image_is_read_in_parts(tmp_path: Path) -> None:
    """30,000 pixels a side, which no limit on files may keep out."""
    form = {"count": 3, "height": 30_000, "width": 30_000, "dtype": "uint16", "SPARSE_OK": True}
    file = tmp_path / "map.tif"
    with rasterio.open(file, "w", driver="GTiff", **form, tiled=True) as raster:
        raster.write(
            np.full((3, 10, 10), 7, np.uint16), window=rasterio.windows.Window(0, 0, 10, 10)
        )
    assert (read_raster(file, Window(0, 0, 10, 10)) == 7).all()
    with pytest.raises(DataError, match="cut it into tiles"):
        read_raster(file)


@pytest.mark.parametrize("chunks", [(20_000, 20_000, 14), None])
def test_hdf5(chunks: tuple[int, ...] | None, tmp_path: Path) -> None:
    """A small array in a huge chunk; and a huge one that was never written."""
    file, shape = tmp_path / "image_1.h5", (128, 128, 14) if chunks else (10**6, 10**6, 14)
    with h5py.File(file, "w") as stored:
        form = {"chunks": chunks or (128, 128, 14), "maxshape": (None, None, 14)}
        stored.create_dataset("img", shape, "uint8", compression="gzip", fillvalue=1, **form)
        stored.create_dataset("mask", (128, 128), "uint8")
    with pytest.raises(DataError, match=r"holds .* not|in chunks of"):
        Landslide4Sense().read(Item("one", file, file, "one"), ("landslide",))


def test_hdf5_that_points_to_other_files(tmp_path: Path) -> None:
    """Its pixels would be those of any file that the reader may read."""
    file = tmp_path / "image_1.h5"
    (tmp_path / "secret").write_bytes(bytes(128 * 128 * 14))
    with h5py.File(file, "w") as stored:
        external = [(str(tmp_path / "secret"), 0, 128 * 128 * 14)]
        stored.create_dataset("img", (128, 128, 14), "uint8", external=external)
    with pytest.raises(DataError, match="lies in other files"):
        Landslide4Sense().read_image(file)


def test_predictions(tmp_path: Path) -> None:
    file = tmp_path / "predictions.h5"
    with write_predictions(file) as predictions:
        predictions.add(["a"], [{"mask": np.zeros((4, 4), np.uint8)}])
    with h5py.File(file, "a") as opened:
        del opened["mask"]
        opened.create_dataset("mask", (1, 10**6, 10**6), "uint8", chunks=(1, 64, 64))
    with pytest.raises(PredictionsError, match="mask unpacks to"):
        list(read_predictions(file, ["a"]))


def test_archives(tmp_path: Path) -> None:
    file = tmp_path / "test.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w") as member,
    ):
        form = {"descr": "<i8", "fortran_order": False, "shape": (2**27,)}
        np.lib.format.write_array_header_1_0(member, form)
        for _ in range(2**10):
            member.write(bytes(2**20))
    with pytest.raises(ArchiveError, match=r"unpack to 1\.1 GB"):
        read_arrays(file)


def test_archives_whose_arrays_are_larger_than_they(tmp_path: Path) -> None:
    file = tmp_path / "test.npz"
    with zipfile.ZipFile(file, "w") as archive, archive.open("a.npy", "w") as member:
        form = {"descr": "<i8", "fortran_order": False, "shape": (2**50,)}
        np.lib.format.write_array_header_1_0(member, form)
    with pytest.raises(ArchiveError):
        read_arrays(file)


def test_checkpoints(tmp_path: Path) -> None:
    plain, file = tmp_path / "plain.pth", tmp_path / "bomb.pth"
    torch.save({"weight": torch.zeros(2**20)}, plain)
    with (
        zipfile.ZipFile(plain) as stored,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    read_tensors(plain)
    with pytest.raises(WeightsUnavailableError, match="is compressed"):
        read_tensors(file)


@pytest.mark.parametrize("text", [b"[" * 10**6, b'{"shapes":' * 10**5])
def test_json_without_end(text: bytes, tmp_path: Path) -> None:
    file, image = tmp_path / "a.json", tmp_path / "a.png"
    file.write_bytes(text)
    with pytest.raises(DataError, match=r"is not JSON|cannot be read"):
        find([file], [image], tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        coco_boxes.load(file)


LAUGHS = "".join(
    f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 9)}]\n" for level in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"x0: &x0 [lol]\n{LAUGHS}", "unfold to more than 100,000 values"),
        ("name: " + "[" * 100_000, "not YAML"),
    ],
    ids=["aliases of aliases", "depth"],
)
def test_sweep_files(text: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(text)
    with pytest.raises(SweepError, match=fault):
        read_sweep(file)


@pytest.mark.parametrize("side", ["1e999", '"x"', "[1]"])
def test_images_of_absurd_size_in_labels(side: str, tmp_path: Path) -> None:
    file, image = tmp_path / "a.json", tmp_path / "a.png"
    file.write_text(f'{{"shapes": [], "imageHeight": {side}, "imageWidth": {side}}}')
    annotated = find([file], [image], tmp_path)
    with pytest.raises(DataError, match="no whole number"):
        read(annotated, image, (10, 10))
