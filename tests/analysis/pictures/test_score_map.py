import json
from collections.abc import Callable

import numpy as np
import pytest

import analysis
from analysis.pictures.score_map import score_map
from datasets import Prepared
from tests.analysis.made import edit
from tests.analysis.pictures.test_drawing import BOXES, CONFUSION

MakeRun = Callable[..., analysis.Run]


def test_images_lie_where_their_files_say_the_worst_first(
    masks: Prepared, make_run: MakeRun
) -> None:
    """Tiles of 512 px of 0.5 m, a row of three below the other; UTM is up to 0.04 % short."""
    found = score_map(make_run(masks, {"confusion": CONFUSION}))
    assert found is not None
    assert [tile.image for tile in found.tiles] == ["one_3", "one_5", "one_4", "one_2"]
    assert found.systems == ("EPSG:32633",)
    places = {tile.image: tile.corners for tile in found.tiles}
    for corners in places.values():
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        assert sides == pytest.approx(256, rel=1e-3)
    north = places["one_2"] - places["one_5"]  # one_2 is the right tile of the upper row
    assert np.linalg.norm(north, axis=1) == pytest.approx(256, rel=1e-3)
    assert (north[:, 1] > 250).all()


def test_boxes_in_degrees_have_a_map_too(boxes: Prepared, make_run: MakeRun) -> None:
    found = score_map(make_run(boxes, BOXES))
    assert found is not None
    assert found.centre == pytest.approx((32.52, 15.61), abs=0.001)


def test_without_places_there_is_no_map(masks: Prepared, make_run: MakeRun) -> None:
    run = make_run(masks, {"confusion": CONFUSION})
    file, description = masks.folder / "test.places.npz", masks.folder / "cache.json"
    content = json.loads(description.read_text())
    del content["files"][file.name]
    edit(description, files=content["files"])
    file.unlink()
    assert score_map(run) is None
