"""Small rasters of one's own, as a person may have them, and labels of every kind."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import rasterio.warp
import shapely
from rasterio import Affine
from rasterio.enums import ColorInterp

CRS = "EPSG:32633"
NAMES = ("blue", "green", "red", "nir")


def write(
    file: Path,
    pixels: np.ndarray,
    names: Sequence[str] = (),
    corner: tuple[float, float] = (400_000, 5_600_000),
    meanings: Sequence[ColorInterp] = (),
    **profile: Any,
) -> Path:
    """A GeoTIFF of `pixels` [C, H, W] whose pixels are 10 m wide."""
    file.parent.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype.name,
        "crs": CRS,
        "transform": Affine(10, 0, corner[0], 0, -10, corner[1]),
    } | profile
    with rasterio.open(file, "w", **settings) as raster:
        raster.write(pixels)
        if names:
            raster.descriptions = tuple(names)
        if meanings:
            raster.colorinterp = tuple(meanings)
    return file


def noise(seed: int, height: int = 64, width: int = 64, bands: int = 4) -> np.ndarray:
    """Uint16 [bands, H, W]."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 4000, (bands, height, width), dtype=np.uint16)


def squares(seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    """A mask uint8 [1, H, W] of two classes."""
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, 4:20, 4:20], mask[0, 30:44, 8 + seed % 8 : 30] = 1, 2
    return mask


def polygons(root: Path, name: str = "fields.gpkg", east: float = 0) -> Path:
    """In longitude and latitude: the squares of each scene, and what each is."""
    outlines, kinds = [], []
    for number in range(1, 7):
        left, top = 400_000 + 5000 * number + east, 5_600_000
        outlines += [
            shapely.box(left + 40, top - 200, left + 200, top - 40),
            shapely.box(left + 300, top - 440, left + 500, top - 300),
        ]
        kinds += ["pond", "field"]
    pairs = [np.array(outline.exterior.coords) for outline in outlines]
    moved = [
        shapely.Polygon(np.column_stack(rasterio.warp.transform(CRS, "EPSG:4326", *ring.T)))
        for ring in pairs
    ]
    file = root / name
    pyogrio.raw.write(
        file,
        geometry=shapely.to_wkb(np.array(moved)),
        field_data=[np.array(kinds, dtype=object)],
        fields=["kind"],
        geometry_type="Polygon",
        crs="EPSG:4326",
    )
    return file


def images(root: Path) -> None:
    """Six scenes, apart from each other."""
    for number in range(1, 7):
        corner = (400_000 + 5000 * number, 5_600_000)
        write(root / "images" / f"scene_{number}.tif", noise(number), NAMES, corner)


def boxes(root: Path) -> None:
    """COCO, one box an image."""
    coco = {
        "images": [
            {"id": n, "file_name": f"scene_{n}.tif", "width": 64, "height": 64} for n in range(1, 7)
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [4, 6, 10, 20], "area": 200}
            for n in range(1, 7)
        ],
        "categories": [{"id": 1, "name": "pond"}],
    }
    (root / "annotations.json").write_text(json.dumps(coco))


def image_labels(root: Path) -> None:
    """A table, one label an image."""
    lines = [f"scene_{n}.tif,{'pond' if n % 2 else 'field'}" for n in range(1, 7)]
    (root / "labels.csv").write_text("\n".join(("image,label", *lines)))


def masks(root: Path) -> None:
    """A mask for each of the scenes."""
    for number in range(1, 7):
        corner = (400_000 + 5000 * number, 5_600_000)
        write(root / "masks" / f"scene_{number}_mask.tif", squares(number), (), corner)
