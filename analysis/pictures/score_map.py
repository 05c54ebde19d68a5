"""Where on Earth a model is good and where not: outlines of the test images, with its scores."""

from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

import numpy as np
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from analysis.loading import AnalysisError, Run
from analysis.pictures.choice import shown_models
from analysis.pictures.error_map import LONGITUDE_LATITUDE
from analysis.pictures.images import open_test
from analysis.pictures.tasks import pictured
from analysis.statistics.tallies import read_tally
from datasets import Place, Split
from datasets.vectors import moved

Points = NDArray[np.float64]


class Tile(NamedTuple):
    """A test image: its name, its score (NaN without one), its corners [4, 2] in metres.

    Metres count east and north from the centre of the map.
    """

    image: str
    score: float
    corners: Points


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """The test images whose place is known, the worst first.

    Attributes:
        arm: whose model it is of.
        measure: what the scores are, in a clause.
        tiles: the images.
        centre: longitude and latitude in degrees; around it, distances and directions are true
            (azimuthal equidistant).
        systems: the coordinate reference systems of the files.
        elsewhere: images whose place is not known.
    """

    arm: str
    measure: str
    tiles: tuple[Tile, ...]
    centre: tuple[float, float]
    systems: tuple[str, ...]
    elsewhere: int


def score_map(run: Run) -> ScoreMap | None:
    """The map of the first arm's model; None where no test image says where it lies.

    Raises:
        AnalysisError: nothing was tested yet, or the decoded images are gone.
    """
    models = shown_models(run, 1)
    if not models:
        raise AnalysisError("there are no test scores yet")
    (model,) = models
    split = open_test(run, model.name)
    places = {at: place for at in range(len(split)) if (place := split.place(at))}
    if not places:
        return None
    scores = pictured(run.record.task).image_scores(read_tally(run, model.name), run.record.metric)
    degrees = np.stack([_degrees(split, at, place) for at, place in places.items()])
    middle = (degrees.min(axis=(0, 1)) + degrees.max(axis=(0, 1))) / 2
    metres = _around(degrees, middle)
    tiles = [
        Tile(split.names[at], float(scores.values[at]), corners)
        for at, corners in zip(places, metres, strict=True)
    ]
    return ScoreMap(
        arm=model.arm,
        measure=scores.measure,
        tiles=tuple(sorted(tiles, key=lambda tile: (isnan(tile.score), tile.score))),
        centre=(float(middle[0]), float(middle[1])),
        systems=tuple(dict.fromkeys(_named(place) for place in places.values())),
        elsewhere=len(split) - len(places),
    )


def _degrees(split: Split, index: int, place: Place) -> Points:
    """Longitude and latitude [4, 2] of the corners of an image."""
    _, _, width, height = split.windows[index].tolist()
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    xs, ys = moved(corners, Affine(*place.transform)).T
    found = rasterio.warp.transform(CRS.from_wkt(place.crs), LONGITUDE_LATITUDE, xs, ys)
    return np.column_stack(found)


def _around(degrees: Points, centre: Points) -> Points:
    """Metres east and north of the centre, of longitudes and latitudes [N, 4, 2]."""
    longitude, latitude = centre.tolist()
    system = CRS.from_proj4(f"+proj=aeqd +lon_0={longitude} +lat_0={latitude} +units=m")
    xs, ys = degrees.reshape(-1, 2).T
    metres = rasterio.warp.transform(LONGITUDE_LATITUDE, system, xs, ys)
    return np.column_stack(metres).reshape(degrees.shape)


def _named(place: Place) -> str:
    code = CRS.from_wkt(place.crs).to_epsg()
    return f"EPSG:{code}" if code else "a system without EPSG code"
