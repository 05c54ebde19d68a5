"""Errors lie on Earth where they lie in the file, by Krüger's series: without GDAL or PROJ."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray

import analysis
from analysis import AnalysisError
from analysis.pictures.error_map import places_missing, write_error_map
from datasets import Prepared, open_split
from runs.predictions import PredictionsError

MakeRun = Callable[..., analysis.Run]

UTM = Affine(0.5, 0, 600_000, 0, -0.5, 5_800_000)  # zone 33 N
DEGREES = Affine.translation(32.52, 15.61) @ Affine.rotation(30) @ Affine.scale(2.7e-6, -2e-6)


def to_utm(degrees: NDArray[np.float64], meridian: float) -> NDArray[np.float64]:
    """Longitude, latitude [N, 2] → easting, northing, north of the equator: Krüger 1912, to n³.

    WGS84; good to a millimetre within a zone.
    """
    a, flattening, scale = 6378137.0, 1 / 298.257223563, 0.9996
    n = flattening / (2 - flattening)
    radius = a / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    alphas = (
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16,
        13 * n**2 / 48 - 3 * n**3 / 5,
        61 * n**3 / 240,
    )
    longitude, latitude = np.radians(degrees[:, 0] - meridian), np.radians(degrees[:, 1])
    e = 2 * np.sqrt(n) / (1 + n)
    t = np.sinh(np.arctanh(np.sin(latitude)) - e * np.arctanh(e * np.sin(latitude)))
    xi, eta = (
        np.arctan2(t, np.cos(longitude)),
        np.arcsinh(np.sin(longitude) / np.hypot(t, np.cos(longitude))),
    )
    north = xi + sum(
        alpha * np.sin(2 * j * xi) * np.cosh(2 * j * eta) for j, alpha in enumerate(alphas, 1)
    )
    east = eta + sum(
        alpha * np.cos(2 * j * xi) * np.sinh(2 * j * eta) for j, alpha in enumerate(alphas, 1)
    )
    return np.column_stack([500_000 + scale * radius * east, scale * radius * north])


def test_the_reference_agrees_with_published_coordinates() -> None:
    """On the central meridian; the arc to 45° N is 4,984,944.38 m (Snyder 1987), scaled 0.9996."""
    assert to_utm(np.array([[15.0, 45.0]]), 15)[0] == pytest.approx((500_000, 4982950.40), abs=0.01)


def written(run: analysis.Run, folder: Path) -> list[dict[str, Any]]:
    file = folder / "maps" / "errors.geojson"
    write_error_map(run, "000-plain", file)
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    content = json.loads(file.read_text())
    assert content["type"] == "FeatureCollection" and "crs" not in content
    features: list[dict[str, Any]] = content["features"]
    for feature in features:
        ring = shapely.geometry.shape(feature["geometry"]).exterior
        assert ring.is_ccw and ring.is_valid
    return features


def corners(feature: dict[str, Any]) -> NDArray[np.float64]:
    return np.array(feature["geometry"]["coordinates"][0])


def test_wrong_pixels_of_a_tile_lie_where_they_are_in_utm(
    masks: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    """A block of columns 16 to 24, rows 40 to 48 at 64 px is 128 to 192, 320 to 384 of the tile,

    which begins at column 512, row 512 of the orthophoto."""
    test = open_split(masks, "test")
    tile = test.names.index("one_4")
    found = [{"mask": mask.copy()} for mask in test.masks]
    found[tile]["mask"][40:48, 16:24] = 2
    assert (test.masks[tile, 40:48, 16:24] == 3).all()
    confusion = np.tile(np.diag([5, 0, 0, 2, 0]), (4, 1, 1))
    confusion[tile, 3, 2] = 2
    features = written(make_run(masks, {"confusion": confusion}, found), tmp_path)
    (error,) = [one for one in features if one["properties"]["kind"] != "image"]
    assert error["properties"] == {
        "image": "one_4",
        "image_score": 0.5,  # background 1, water 2 of 4, woodland 0
        "kind": "wrong class",
        "truth": "water",
        "found": "woodland",
        "confidence": None,
        "area_px": 64.0 * 64,
    }
    expected = {UTM @ (512 + x, 512 + y) for x in (128, 192) for y in (320, 384)}
    there = to_utm(corners(error), meridian=15)
    for corner in expected:
        assert np.hypot(*(there - corner).T).min() < 0.005  # metres; a pixel is 0.5
    assert len(there) == 5


def test_each_image_has_a_frame_with_its_score(
    masks: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    test = open_split(masks, "test")
    confusion = np.tile(np.diag([5, 0, 0, 2, 0]), (4, 1, 1))
    confusion[3] = 0
    run = make_run(masks, {"confusion": confusion}, [{"mask": mask} for mask in test.masks])
    frames = {one["properties"]["image"]: one for one in written(run, tmp_path)}
    assert set(frames) == {"one_2", "one_3", "one_4", "one_5"}
    scores = [frame["properties"]["image_score"] for frame in frames.values()]
    assert scores == [1, 1, 1, None]
    expected = [UTM @ (1024 + x, y) for x in (0, 512) for y in (0, 512)]
    there = to_utm(corners(frames["one_2"]), meridian=15)
    assert max(np.hypot(*(there - corner).T).min() for corner in expected) < 0.005


def test_boxes_lie_where_they_are_on_a_turned_image(
    boxes: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    """At 64 px, an image of 100 × 80 is filled up: its frame ends where its pixels do."""
    hit = np.array([[10, 8, 30, 24]]) * 0.64
    false = np.array([[70, 10, 90, 30]]) * 0.64
    found = {
        "boxes": np.concatenate([hit, false]).astype(np.float32),
        "labels": np.array([1, 2]),
        "scores": np.array([0.9, 0.6], np.float32),
    }
    tally = {
        "truths": np.ones((3, 2), np.int64),
        "image": np.repeat([0, 1, 2], 2),
        "label": np.tile([1, 2], 3),
        "score": np.tile(np.array([0.9, 0.6], np.float32), 3),
        "matched": np.tile([[True], [False]], (3, 10)),
    }
    features = written(make_run(boxes, tally, [found] * 3), tmp_path)
    assert len(features) == 3 * 4
    first = {one["properties"]["kind"]: one for one in features[:4]}
    told = {
        kind: tuple(one["properties"][key] for key in ("truth", "found", "confidence"))
        for kind, one in first.items()
    }
    assert told["hit"] == ("house", "house", 0.9)
    assert told["false"] == (None, "barn", 0.6)
    assert told["missed"] == ("barn", None, None)
    assert first["image"]["properties"]["image_score"] == 0.5
    for kind, box in (
        ("hit", (10, 8, 30, 24)),
        ("false", (70, 10, 90, 30)),
        ("missed", (50, 40, 80, 64)),
        ("image", (0, 0, 100, 80)),
    ):
        expected = np.array([DEGREES @ (x, y) for x in box[::2] for y in box[1::2]])
        there = corners(first[kind])
        gaps = np.abs(there[:, None] - expected).max(axis=2).min(axis=0)
        assert gaps.max() < 2e-8, kind  # degrees; a pixel is 2e-6


def test_images_without_a_place_are_counted_and_without_any_it_is_said(
    masks: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    test = open_split(masks, "test")
    counts = {"confusion": np.tile(np.diag([5, 0, 0, 2, 0]), (4, 1, 1))}
    run = make_run(masks, counts, [{"mask": mask} for mask in test.masks])
    file = masks.folder / "test.places.npz"
    places = dict(np.load(file))
    places["system"][1:3] = -1
    np.savez(file, **places)
    result = write_error_map(run, "000-plain", tmp_path / "errors.geojson")
    assert (result.images, result.elsewhere, result.areas) == (2, 2, {})
    file.unlink()
    content = json.loads((masks.folder / "cache.json").read_text())
    del content["files"][file.name]
    del content["digest"]  # as of an earlier version
    (masks.folder / "cache.json").write_text(json.dumps(content))
    assert "not georeferenced" in str(places_missing(run, "000-plain"))
    with pytest.raises(AnalysisError, match="landcoverai does not say where on Earth"):
        write_error_map(run, "000-plain", tmp_path / "errors.geojson")


def test_without_predictions_there_is_no_map_and_no_part_of_one(
    masks: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(masks, {"confusion": np.tile(np.diag([5, 0, 0, 2, 0]), (4, 1, 1))})
    (run.path / "trials/000-plain/predictions.h5").unlink()
    with pytest.raises(PredictionsError, match=r"000-plain/predictions\.h5 is missing"):
        write_error_map(run, "000-plain", tmp_path / "maps/errors.geojson")
    assert list((tmp_path / "maps").iterdir()) == []
