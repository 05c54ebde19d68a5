"""Areas of a class raster: the same polygons from strips as from the whole."""

import numpy as np
import pytest
import shapely
from rasterio.features import shapes
from shapely.geometry import shape

from datasets.source import IGNORE
from deploy.maps.outlines import areas


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_strips_give_the_areas_of_the_whole(rows: int) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.choice([0, 1, 2, IGNORE], (20, 15), p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint8)
    raster = coarse.repeat(2, axis=0).repeat(3, axis=1)
    raster[3:30, 20] = 1  # an area of many strips
    found = sorted(
        (label, outline.normalize().wkt)
        for label, outline in (
            (area.label, shapely.simplify(area.outline, 0))
            for area in areas(raster[top : top + rows] for top in range(0, len(raster), rows))
        )
    )
    whole = [(int(label), shape(outline)) for outline, label in shapes(raster)]
    expected = sorted(
        (label, shapely.simplify(outline, 0).normalize().wkt)
        for label, outline in whole
        if label not in (0, IGNORE)
    )
    assert len(expected) > 20
    assert found == expected
