"""Where on Earth a model is wrong: its errors on the test images as GeoJSON (RFC 7946)."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.warp
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from analysis.loading import AnalysisError, Run
from analysis.pictures.images import Area, open_test, predictions, truth_of
from analysis.pictures.tasks import pictured
from analysis.statistics.tallies import read_tally
from datasets import Place, Split
from datasets.vectors import moved
from runs.files import whole_file

LONGITUDE_LATITUDE = "EPSG:4326"
DIGITS = 8  # of a degree: a millimetre
IMAGE = "image"
"""Kind of the frame of an image."""

Polygons = NDArray[np.object_]


@dataclass(frozen=True)
class ErrorMap:
    """What was written.

    Attributes:
        file: the GeoJSON.
        areas: how many there are of each kind.
        images: images whose place is known; each is a feature of kind "image".
        elsewhere: images whose place is not known; they are not in the map.
    """

    file: Path
    areas: dict[str, int]
    images: int
    elsewhere: int

    @property
    def summary(self) -> str:
        """What the map holds, in a line."""
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.areas.items()))
        rest = f"; {self.elsewhere} more have no known place" if self.elsewhere else ""
        return f"{counts or 'no error'} on {self.images} test images{rest}"


def places_missing(run: Run, name: str) -> str | None:
    """Why no map of the errors of a trial can be made, in a sentence; None if it can.

    Raises:
        AnalysisError: the decoded images are gone, or the trial was not tested.
    """
    return _unplaced(run) if open_test(run, name).places is None else None


def write_error_map(run: Run, name: str, file: Path) -> ErrorMap:
    """Write what the trial or repeat `name` gets wrong on all test images whose place is known.

    Of a segmenter, each connected area of wrong pixels of one true and one found class; of a
    detector, each true box that was missed and each detection that is shown, hits included; of a
    classifier, the whole image for each class that is there or was found, hits included. All
    features are polygons with the same properties:

        image         name of the test image
        image_score   the model's score on that image alone; `description` says by what measure
        kind          "missed", "false", "wrong class", "hit"; "image" of the frame of an image
        truth, found  names of classes; null where there is none
        confidence    of a detection, or of a class of the image; else null
        area_px       in pixels of the file

    Raises:
        AnalysisError: the place of no test image is known; or the trial was not tested, or the
            decoded images are gone.
        PredictionsError: what it found in the test images is missing or damaged.
    """
    split = open_test(run, name)
    if split.places is None:
        raise AnalysisError(f"no map of the errors of {run.path} can be made: {_unplaced(run)}")
    task = pictured(run.record.task)
    scores = task.image_scores(read_tally(run, name), run.record.metric)
    placed = [index for index in range(len(split)) if split.place(index)]
    features = (
        feature
        for index, found in zip(placed, predictions(run, name, split, placed), strict=True)
        for feature in _features(
            *(split, index, float(scores.values[index])),
            task.areas(truth_of(split, index, run.record.data), found),
        )
    )
    head = {
        "type": "FeatureCollection",
        "name": f"errors of {name}",
        "description": f"{run.record.name}, {name}, test images; image_score is {scores.measure}",
    }
    counts = _write(file, head, features)
    del counts[IMAGE]
    return ErrorMap(file, dict(counts), len(placed), len(split) - len(placed))


def _write(file: Path, head: dict[str, str], features: Iterator[dict[str, Any]]) -> Counter[str]:
    """Write a whole file or none, a feature a line; how many there are of each kind."""
    counts: Counter[str] = Counter()
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as partial, partial.open("w", encoding="utf-8") as opened:
        opened.write(_json(head)[:-1] + ',"features":[')
        for feature in features:
            opened.write("\n" if not counts else ",\n")
            opened.write(_json(feature))
            counts[feature["properties"]["kind"]] += 1
        opened.write("\n]}\n")
    return counts


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _unplaced(run: Run) -> str:
    return (
        f"{run.record.data.name} does not say where on Earth its test images lie (they are not "
        "georeferenced)"
    )


def _features(
    split: Split, index: int, score: float, areas: Iterable[Area]
) -> Iterator[dict[str, Any]]:
    """The frame of an image, then its areas, as GeoJSON."""
    side = split.images.shape[-1]
    height, width = split.sizes[index].tolist()
    scale = np.array([width, height]) / side
    seen = split.windows[index, 2:] / scale
    shown = [Area(shapely.box(0, 0, *seen), IMAGE, None, None), *areas]
    shapes = np.array([area.outline for area in shown])
    outlines = shapely.transform(shapes, lambda xy: xy * scale)
    place = split.place(index)
    assert place is not None, "only images with a place are mapped"
    there = _to_degrees(outlines, place)
    for area, outline, on_earth in zip(shown, outlines, there, strict=True):
        yield {
            "type": "Feature",
            "properties": {
                "image": split.names[index],
                "image_score": None if isnan(score) else round(score, 6),
                "kind": area.kind,
                "truth": area.truth,
                "found": area.found,
                "confidence": area.confidence,
                "area_px": round(outline.area, 2),
            },
            "geometry": shapely.geometry.mapping(on_earth),
        }


def _to_degrees(outlines: Polygons, place: Place) -> Polygons:
    """Polygons in pixels of a file as longitude and latitude, exteriors anticlockwise."""
    system, to_system = CRS.from_wkt(place.crs), Affine(*place.transform)

    def project(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        xs, ys = moved(corners, to_system).T
        degrees = rasterio.warp.transform(system, LONGITUDE_LATITUDE, xs, ys)
        return np.column_stack(degrees).round(DIGITS)

    return shapely.orient_polygons(shapely.transform(outlines, project))
