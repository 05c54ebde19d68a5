"""What is found lies where it is on Earth; files are whole; what is no image is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio import Affine
from torch import Tensor

from deploy.errors import ModelError
from deploy.maps.predict import predict_files
from deploy.trained import Trained

UTM = "EPSG:32633"
HOUSE = (37, 51, 49, 64)
"""Columns and rows of a bright rectangle."""

NORTH_UP = Affine(0.5, 0, 412345.25, 0, -0.5, 5654321.75)
SOUTH_UP = Affine(0.5, 0, 412345.25, 0, 0.5, 5654321.75)
ROTATED = NORTH_UP * Affine.rotation(30) * Affine.scale(1, 0.7)
TRANSFORMS = pytest.mark.parametrize("transform", [NORTH_UP, SOUTH_UP, ROTATED])


def ground(box: tuple[int, ...], transform: Affine) -> shapely.Polygon:
    """A rectangle of pixels on Earth, by rasterio's own arithmetic."""
    x0, y0, x1, y1 = box
    return shapely.Polygon(
        [transform * corner for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    )


def predict(trained: Trained, file: Path, **options: Any) -> list[Path]:
    folder = file.parent / "maps"
    folder.mkdir(exist_ok=True)
    return list(predict_files(trained, [file], folder, options.get("vectors")))


@TRANSFORMS
def test_a_mask_lies_on_what_it_shows(
    knowing: Callable[..., Trained], write_image: Callable[..., Path], transform: Affine
) -> None:
    scene = write_image(150, 130, [HOUSE], transform, UTM)
    (file,) = predict(knowing("segmentation"), scene)
    with rasterio.open(file) as found:
        assert (found.crs, found.shape) == (rasterio.CRS.from_string(UTM), (150, 130))
        inside, outside = transform * (48.9, 51.1), transform * (49.1, 51.1)
        assert [int(value[0]) for value in found.sample([inside, outside])] == [1, 0]


@TRANSFORMS
@pytest.mark.parametrize("task", ["segmentation", "detection"])
@pytest.mark.parametrize("vectors", ["gpkg", "geojson"])
def test_polygons_lie_on_what_they_show(
    knowing: Callable[..., Trained],
    write_image: Callable[..., Path],
    transform: Affine,
    task: str,
    vectors: str,
) -> None:
    """Read by another library, as a GIS would."""
    scene = write_image(150, 130, [HOUSE, (0, 0, 5, 5)], transform, UTM)
    *_, file = predict(knowing(task), scene, vectors=vectors)
    meta, _, outlines, fields = pyogrio.raw.read(file)
    assert meta["crs"] == UTM
    found = {name: values.tolist() for name, values in zip(meta["fields"], fields, strict=True)}
    assert found["class"] == ["landslide", "landslide"]
    assert found["class_id"] == [1, 1]
    expected = [ground(HOUSE, transform), ground((0, 0, 5, 5), transform)]
    for outline in shapely.from_wkb(outlines):
        assert (
            max(outline.intersection(o).area / outline.union(o).area for o in expected) > 1 - 1e-6
        )


def test_polygons_of_an_image_without_a_place_are_in_its_pixels(
    knowing: Callable[..., Trained], write_image: Callable[..., Path]
) -> None:
    file = write_image(99, 110, [HOUSE], driver="PNG", name="photo.png")
    (file,) = predict(knowing("detection"), file, vectors="geojson")
    content = json.loads(file.read_text())
    assert content["crs"] is None
    assert shapely.geometry.shape(content["features"][0]["geometry"]).bounds == HOUSE


def test_a_class_raster_is_ready_for_a_gis(
    knowing: Callable[..., Trained], write_image: Callable[..., Path]
) -> None:
    scene = write_image(700, 1100, [HOUSE], NORTH_UP, UTM)
    trained = knowing("segmentation", window=[256, 256], colours={"water": [0, 170, 255]})
    (file,) = predict(trained, scene)
    with rasterio.open(file) as found:
        assert (found.dtypes, found.nodata, found.compression.name) == (("uint8",), 255, "deflate")
        assert found.profile["tiled"]
        assert found.overviews(1) == [2, 4]
        assert found.colormap(1)[1] == (230, 159, 0, 255)
        assert found.colormap(1)[2] == (0, 170, 255, 255)
        names = [found.tags()[f"CLASS_{number}"] for number in range(3)]
    assert names == ["background", "landslide", "water"]
    assert [left.name for left in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_an_interrupted_map_leaves_nothing_half(
    knowing: Callable[..., Trained], write_image: Callable[..., Path], task: str
) -> None:
    trained, scene = knowing(task), write_image(150, 130, [HOUSE], NORTH_UP, UTM)
    predict(trained, scene)
    before = {file: file.read_bytes() for file in (scene.parent / "maps").iterdir()}

    class Interrupting(type(trained.model)):  # type: ignore[misc]
        left = 2

        def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return super().predict(images)

    with pytest.raises(KeyboardInterrupt):
        predict(replace(trained, model=Interrupting()), scene)
    assert {file: file.read_bytes() for file in (scene.parent / "maps").iterdir()} == before


def write_bands(file: Path, *values: int, **profile: Any) -> None:
    """Write bands of one value each, 32 × 32 px."""
    shape = {"height": 32, "width": 32, "count": len(values), "dtype": "uint8"}
    with rasterio.open(file, "w", "GTiff", **shape, **profile) as raster:
        raster.write(np.broadcast_to(np.uint8(values)[:, None, None], (len(values), 32, 32)))


def test_bands_are_found_by_their_descriptions(
    knowing: Callable[..., Trained], tmp_path: Path
) -> None:
    """Only the red band, which the model has first, is bright."""
    scene = tmp_path / "scene.tif"
    write_bands(scene, 0, 0, 255, 0, photometric="minisblack")
    with rasterio.open(scene, "r+") as raster:
        raster.descriptions = ("nir", "Blue", "Red", "Green")
    (file,) = predict(knowing("segmentation"), scene)
    with rasterio.open(file) as found:
        assert (found.read(1) == 1).all()


def test_a_fourth_band_is_alpha_only_to_a_model_of_three(
    knowing: Callable[..., Trained], tmp_path: Path
) -> None:
    """GDAL marks the fourth band of bytes as alpha, whatever it is."""
    scene = tmp_path / "scene.tif"
    write_bands(scene, 255, 255, 255, 0)
    four = {"bands": ["red", "green", "blue", "nir"], "mean": [100.0] * 4, "std": [50.0] * 4}
    for data, expected in (({}, 255), (four, 1)):
        trained = knowing("segmentation", folder=f"run{len(data)}", **data)
        (file,) = predict(trained, scene)
        with rasterio.open(file) as found:
            assert (found.read(1) == expected).all()


def _text(file: Path) -> None:
    file.write_text("no image")


def _two_bands(file: Path) -> None:
    with rasterio.open(file, "w", "GTiff", 9, 9, 2, dtype="uint8") as raster:
        raster.write(np.ones((2, 9, 9), np.uint8))


def _sixteen_bits(file: Path) -> None:
    with rasterio.open(file, "w", "GTiff", 9, 9, 3, dtype="uint16") as raster:
        raster.write(np.ones((3, 9, 9), np.uint16))


def _control_points(file: Path) -> None:
    points = [
        rasterio.control.GroundControlPoint(r, c, 10 + c, 50 - r)
        for r, c in ((0, 0), (0, 9), (9, 0))
    ]
    with rasterio.open(file, "w", "GTiff", 9, 9, 3, dtype="uint8", gcps=points, crs="EPSG:4326"):
        pass


def _own_projection(file: Path) -> None:
    crs = rasterio.CRS.from_proj4("+proj=laea +lat_0=51.5 +lon_0=7.3 +ellps=bessel")
    with rasterio.open(file, "w", "GTiff", 9, 9, 3, dtype="uint8", crs=crs, transform=NORTH_UP):
        pass


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda _: None, "scene.tif cannot be read as an image: .*No such file"),
        (_text, "scene.tif cannot be read as an image: .*not recognized"),
        (_two_bands, "has 2 bands, but 3 are wanted: red, green, blue"),
        (_sixteen_bits, "holds uint16, but the model was trained on uint8"),
        (_control_points, "is placed by ground control points"),
        (_own_projection, "is in no register"),
    ],
)
def test_images_that_cannot_be_mapped_are_refused_before_anything_is_written(
    knowing: Callable[..., Trained],
    tmp_path: Path,
    write: Callable[[Path], None],
    sentence: str,
) -> None:
    write(tmp_path / "scene.tif")
    with pytest.raises(ModelError, match=sentence):
        predict(knowing("detection"), tmp_path / "scene.tif", vectors="geojson")
    assert not list((tmp_path / "maps").iterdir())


def test_two_images_of_one_name_are_refused(
    knowing: Callable[..., Trained], tmp_path: Path
) -> None:
    files = [tmp_path / "a/scene.tif", tmp_path / "b/scene.tif"]
    with pytest.raises(ModelError, match=r"files of one name \(scene\)"):
        list(predict_files(knowing("detection"), files, tmp_path, None))


def test_a_damaged_image_is_named(
    knowing: Callable[..., Trained], write_image: Callable[..., Path]
) -> None:
    file = write_image(150, 130, [HOUSE], compress="deflate")
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"scene.tif cannot be read"):
        predict(knowing("segmentation"), file)
    assert not list((file.parent / "maps").iterdir())
