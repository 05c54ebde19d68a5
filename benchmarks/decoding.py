"""What it costs to turn own rasters into a cache, beside reading them and doing nothing.

    python benchmarks/decoding.py FOLDER            # 4 scenes of 4,096 px
    python benchmarks/decoding.py FOLDER --large    # one of 30,000 px: how much memory it takes
    python benchmarks/decoding.py FOLDER --many     # 10,000 images of 64 px: a second look

Makes synthetic scenes with masks in FOLDER (kept, and used again), and prepares them as a sweep
does, with an empty cache. The bare loop reads the same windows of images and masks with rasterio on
one core.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from datasets.options import Dataset, prepare_dataset  # noqa: E402

TILE = 512
BANDS = 3
BLOCK = 1024  # rows that are made at a time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--many", action="store_true")
    options = parser.parse_args()
    if options.many:
        root = scenes(options.folder / "many", [64] * 10_000)
        tile = 64
    elif options.large:
        root = scenes(options.folder / "large", [30_000, 4_096, 4_096])
        tile = TILE
    else:
        root = scenes(options.folder / "few", [4_096] * 4)
        tile = TILE
    report(root, tile)


def report(root: Path, tile: int) -> None:
    """Prepare twice and read once; print seconds, ratios and the peak of memory."""
    options = Dataset(
        name="raster",
        root=root,
        image_size=tile,
        classes={1: "low", 2: "high"},
        splits={"val": 0.25, "test": 0.25},
        leaks="allow",
    )
    megabytes = sum(pixels(file) for file in root.rglob("*.tif")) / 1e6
    files = len(list(root.rglob("*.tif")))
    print(f"{megabytes:,.0f} MB of pixels, {files:,} files")
    with tempfile.TemporaryDirectory() as cache:
        first = timed(lambda: prepare_dataset(options, Path(cache)))
        print(f"first look and cache  {first:8.1f} s  {megabytes / first:6.0f} MB/s", flush=True)
        second = timed(lambda: prepare_dataset(options, Path(cache)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"second look           {second:8.1f} s")
    print(f"peak of memory        {peak:8.2f} GB", flush=True)
    bare = timed(lambda: read_all(root, tile))
    print(f"bare loop, one core   {bare:8.1f} s  {megabytes / bare:6.0f} MB/s")
    print(f"ratio                 {first / bare:8.2f}")


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def pixels(file: Path) -> int:
    with rasterio.open(file) as raster:
        return raster.height * raster.width * raster.count


def read_all(root: Path, tile: int) -> None:
    for file in sorted(root.rglob("*.tif")):
        with rasterio.open(file) as raster:
            for y in range(0, raster.height, tile):
                for x in range(0, raster.width, tile):
                    height, width = min(tile, raster.height - y), min(tile, raster.width - x)
                    raster.read(window=rasterio.windows.Window(x, y, width, height))


def scenes(root: Path, sides: list[int]) -> Path:
    """Write images and masks of these sides, unless they are there."""
    for number, side in enumerate(sides):
        image, mask = (
            root / "images" / f"scene_{number}.tif",
            root / "masks" / f"scene_{number}_mask.tif",
        )
        if not mask.exists():
            row, column = divmod(number, 100)
            corner = (column * 2e4, row * 2e4)
            write(image, mask, side, np.random.default_rng(number), corner)
    return root


def write(
    image: Path,
    mask: Path,
    side: int,
    rng: np.random.Generator,
    corner: tuple[float, float],
) -> None:
    """Hills with noise, and a mask of the high and the highest; in strips, deflated."""
    profile = {"driver": "GTiff", "height": side, "width": side, "dtype": "uint8"}
    profile |= {"compress": "deflate", "zlevel": 1, "crs": "EPSG:6933"}
    profile |= {"transform": from_origin(*corner, 0.5, 0.5), "BIGTIFF": "IF_SAFER"}
    hills = rng.normal(size=(side // 128 + 2, side // 128 + 2))
    for file in (image, mask):
        file.parent.mkdir(parents=True, exist_ok=True)
    with (
        rasterio.open(image, "w", count=BANDS, **profile) as pictured,
        rasterio.open(mask, "w", count=1, **profile) as marked,
    ):
        for top in range(0, side, BLOCK):
            height = surface(hills, top, min(BLOCK, side - top), side)
            window = rasterio.windows.Window(0, top, side, len(height))
            noise = rng.integers(-8, 9, (BANDS, *height.shape), dtype=np.int16)
            values = np.clip(100 + 40 * height + noise, 1, 255).astype(np.uint8)
            pictured.write(values, window=window)
            classes = (height > 0.8).astype(np.uint8) + (height > 1.4)
            marked.write(classes.astype(np.uint8), 1, window=window)


def surface(hills: NDArray[np.float64], top: int, rows: int, side: int) -> NDArray[np.float32]:
    """Rows of a smooth surface [rows, side] through `hills`, one every 128 px."""
    y, x = np.arange(top, top + rows) / 128, np.arange(side) / 128
    grid = np.meshgrid(y, x, indexing="ij")
    return ndimage.map_coordinates(hills.astype(np.float32), grid, order=1)


if __name__ == "__main__":
    main()
