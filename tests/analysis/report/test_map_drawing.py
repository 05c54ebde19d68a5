import re
from pathlib import Path

import numpy as np
import pytest

from analysis.pictures import Picture
from analysis.pictures.score_map import ScoreMap, Tile
from analysis.report.map_drawing import SMALLEST, UNSCORED, DrawnTile, draw_map

SQUARE = np.array([(0, 100), (100, 100), (100, 0), (0, 0)], np.float64)


def placed(*tiles: tuple[str, float, tuple[float, float]]) -> ScoreMap:
    """Squares of 100 m, each with its lower left corner so many metres east and north."""
    made = tuple(Tile(name, score, SQUARE + corner) for name, score, corner in tiles)
    return ScoreMap("resnet18", "mIoU", made, (32.5, 15.6), ("EPSG:32636",), 0)


def corners(tile: DrawnTile) -> np.ndarray:
    return np.array([float(one) for one in re.split("[ ,]", tile.points)]).reshape(-1, 2)


FAR = placed(("worst", 0.1, (0, 0)), ("north", 0.9, (0, 700)), ("blank", np.nan, (400, 0)))


def test_north_is_up_east_is_right_and_one_scale_holds() -> None:
    worst, north, blank = (corners(tile).mean(axis=0) for tile in draw_map(FAR, []).tiles)
    assert worst[0] == pytest.approx(north[0], abs=0.1)
    assert north[1] < worst[1]
    assert blank[0] > worst[0]
    assert (worst[1] - north[1]) / 700 == pytest.approx((blank[0] - worst[0]) / 400, rel=1e-3)


def test_scale_bar_is_as_long_as_it_says() -> None:
    drawn = draw_map(FAR, [])
    assert drawn.bar is not None
    side = np.ptp(corners(drawn.tiles[0])[:, 0])
    assert drawn.bar.text.endswith(" m")
    assert drawn.bar.length / float(drawn.bar.text.split()[0]) == pytest.approx(
        side / 100, rel=0.01
    )


def test_worst_is_darkest_and_what_has_no_score_is_white() -> None:
    drawn = draw_map(FAR, [])
    worst, north, blank = (tile.colour for tile in drawn.tiles)
    assert int(worst[1:], 16) < int(north[1:], 16)
    assert blank == UNSCORED
    assert (drawn.key[0].colour, drawn.key[0].text) == (worst, "0.10")
    assert drawn.tiles[2].words == "blank: nothing to score"


def test_an_image_far_from_the_others_can_still_be_seen() -> None:
    drawn = draw_map(placed(("here", 0.1, (0, 0)), ("there", 0.2, (900_000, 0))), [])
    assert np.ptp(corners(drawn.tiles[0])[:, 0]) == pytest.approx(SMALLEST, abs=0.2)


def test_images_that_are_pictured_lead_to_their_picture() -> None:
    pictures = [Picture("t", "c", "a", Path("x.png"), image=name) for name in ("other", "north")]
    assert [tile.picture for tile in draw_map(FAR, pictures).tiles] == [0, 2, 0]
