"""What memory and time `python -m deploy predict` takes as the image grows.

    python benchmarks/prediction.py results/landcover_swin --sides 2000 20000

Makes square GeoTIFFs of these sides with the run's bands and type, predicts each in a process of
its own, and prints the peak of its resident memory, and seconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

from runs.directory import RunDirectory
from runs.records import DataRecord

ROOT = Path(__file__).resolve().parent.parent
BLOCK = 512


def write_scene(file: Path, side: int, data: DataRecord) -> None:
    """A tiled, compressed GeoTIFF of smooth noise as bright as the training data."""
    noise = np.random.default_rng(0).standard_normal((len(data.bands), BLOCK, BLOCK))
    smooth = gaussian_filter(noise, (0, 8, 8), mode="wrap")
    bright = data.neutral[:, None, None] * (1 + smooth / smooth.std() / 4)
    block = np.clip(bright, 1, 255 if data.dtype == "uint8" else None).astype(data.dtype)
    profile = {
        "width": side,
        "height": side,
        "count": len(data.bands),
        "dtype": data.dtype,
        "crs": "EPSG:32633",
        "transform": Affine(0.5, 0, 400000, 0, -0.5, 5600000),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "zlevel": 1,
    }
    with rasterio.open(file, "w", "GTiff", **profile) as raster:
        for y in range(0, side, BLOCK):
            for x in range(0, side, BLOCK):
                height, width = min(BLOCK, side - y), min(BLOCK, side - x)
                window = Window(x, y, width, height)
                raster.write(block[:, :height, :width], window=window)


def measure(run: Path, scene: Path, out: Path, more: list[str]) -> tuple[float, float]:
    """Peak of the resident memory in MB, and seconds, of one command."""
    told = ["predict", str(run), str(scene), "--out", str(out), *more]
    command = [sys.executable, "-m", "deploy", *told]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--sides", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--format", help="of polygons, as `python -m deploy predict` takes it")
    options = parser.parse_args()
    run = options.run.resolve()
    record = RunDirectory(run).run()
    more = ["--format", options.format] if options.format else []
    print(f"{record.task}, windows of {record.data.window} px")
    first = None
    for side in options.sides:
        with tempfile.TemporaryDirectory() as folder:
            scene = Path(folder) / "scene.tif"
            write_scene(scene, side, record.data)
            peak, seconds = measure(run, scene, Path(folder), more)
        first = first or peak
        print(f"{side:6} px: {peak:5.0f} MB ({peak / first:.2f} x the first), {seconds:.0f} s")


if __name__ == "__main__":
    main()
