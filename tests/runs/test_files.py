import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from runs.files import is_writable, whole_file, write_text
from runs.predictions import write_predictions
from tests.mounts import mounted, read_only


def test_a_block_that_raises_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "map.gpkg"
    write_text(file, "old")
    with pytest.raises(RuntimeError), whole_file(file) as partial:
        partial.write_text("half")
        partial.with_name("map.gpkg-wal").write_text("what a driver writes beside it")
        raise RuntimeError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_path_to_write_to_has_the_name_of_the_file(tmp_path: Path) -> None:
    with whole_file(tmp_path / "map.gpkg") as partial:
        assert partial.name == "map.gpkg"
        assert partial.is_relative_to(tmp_path), "on the same disk, where renaming is atomic"
        assert not (tmp_path / "map.gpkg").exists()
        partial.write_text("new")
    assert (tmp_path / "map.gpkg").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "map.gpkg"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as folder:
        yield folder


def write_picture(file: Path) -> None:
    with whole_file(file) as partial:
        noise = np.random.default_rng(0).integers(0, 255, (2000, 2000))
        Image.fromarray(noise.astype(np.uint8)).save(partial, format="PNG")


def write_raster(file: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1, 2000, 2000)).astype(np.uint8)
    size = {"width": 2000, "height": 2000, "count": 1, "dtype": "uint8"}
    with (
        whole_file(file) as partial,
        rasterio.open(partial, "w", driver="GTiff", crs="EPSG:32632", **size) as opened,
    ):
        opened.write(noise)


def write_found(file: Path) -> None:
    random = np.random.default_rng(0)
    with write_predictions(file) as predictions:
        for name in map(str, range(20)):
            mask = random.integers(0, 255, (512, 512)).astype(np.uint8)
            predictions.add([name], [{"mask": mask}])


def write_arrays(file: Path) -> None:
    with whole_file(file) as partial:
        np.savez(partial, zeros=np.zeros(10**6))


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda file: write_text(file, "a" * 5_000_000), "page.html"),
        (write_arrays, "arrays.npz"),
        (write_picture, "picture.png"),
        (write_raster, "raster.tif"),
        (write_found, "predictions.h5"),
    ],
)
def test_on_a_full_disk_every_library_says_so_with_file_folder_and_space(
    small_disk: Path, write: Callable[[Path], None], name: str
) -> None:
    with pytest.raises(OSError, match=r"No space left on device: .* MB are free in") as caught:
        write(small_disk / name)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(small_disk / name))
    assert list(small_disk.iterdir()) == []


def test_an_error_of_another_file_is_not_blamed_on_the_one_that_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, whole_file(tmp_path / "new"):
        (tmp_path / "source").read_text()
    assert caught.value.filename == str(tmp_path / "source")


def test_a_read_only_folder_is_known_before_anything_is_written(tmp_path: Path) -> None:
    assert is_writable(tmp_path / "not" / "there" / "yet")
    with read_only(tmp_path):
        assert not is_writable(tmp_path / "not" / "there" / "yet")
        with pytest.raises(OSError, match="Read-only file system") as caught:
            write_text(tmp_path / "file", "text")
        assert caught.value.filename == str(tmp_path / "file")
