import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from datasets.source import DataError, Window
from datasets.vectors import Outline, burn, moved, parse_json, polygons_of, read_bytes

SIZE = 40
FILE = Path("labels.json")


@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    """A jagged valid polygon, perhaps with a hole, perhaps beyond the border of SIZE × SIZE."""
    radii = np.array(draw(st.lists(st.floats(2, 20), min_size=3, max_size=12)))
    centre = np.array(draw(st.tuples(*[st.floats(-5, SIZE + 5)] * 2)))
    turn = draw(st.floats(0, 1)) + np.arange(len(radii))
    angles = 2 * math.pi * turn / len(radii)
    shell = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    holes = [centre + 0.4 * shell] if draw(st.booleans()) else []
    return Polygon(centre + shell, holes)


@given(stars())
def test_a_pixel_is_building_if_its_centre_lies_in_the_polygon(polygon: Polygon) -> None:
    mask = burn([polygon], Window(0, 0, SIZE, SIZE)).mask
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    on_the_line = shapely.dwithin(polygon.boundary, shapely.points(x, y), 1e-6)
    expected = shapely.contains_xy(polygon, x, y)
    np.testing.assert_array_equal(mask[~on_the_line], expected[~on_the_line])


@given(stars())
def test_the_mask_has_the_polygons_area_but_for_pixels_on_its_outline(polygon: Polygon) -> None:
    window = Window(-30, -30, SIZE + 60, SIZE + 60)
    outline = polygon.boundary.buffer(math.sqrt(0.5)).area
    assert abs(int(burn([polygon], window).mask.sum()) - polygon.area) <= outline


@given(
    st.lists(stars(), max_size=3),
    st.tuples(*[st.integers(0, SIZE - 8)] * 2),
    st.tuples(*[st.integers(1, 8)] * 2),
)
def test_a_tile_shows_what_the_whole_scene_has_there(
    polygons: list[Polygon], corner: tuple[int, int], size: tuple[int, int]
) -> None:
    (x, y), (width, height) = corner, size
    whole = burn(polygons, Window(0, 0, SIZE, SIZE))
    tile = burn(polygons, Window(x, y, width, height))
    np.testing.assert_array_equal(tile.mask, whole.mask[y : y + height, x : x + width])
    frame = shapely.box(x, y, x + width, y + height)
    there = sum(part.intersection(frame).area for part in whole.footprints)
    assert sum(part.area for part in tile.footprints) == pytest.approx(there, abs=1e-6)
    assert all(shapely.box(0, 0, width, height).buffer(1e-6).covers(p) for p in tile.footprints)


def test_holes_stay_open_and_overlapping_polygons_are_a_union() -> None:
    ring = shapely.box(0, 0, 6, 6).difference(shapely.box(2, 2, 4, 4))
    mask = burn([ring, shapely.box(5, 5, 8, 8)], Window(0, 0, 8, 8)).mask
    assert mask[2:4, 2:4].sum() == 0
    assert mask.max() == 1
    assert mask.sum() == 36 - 4 + 9 - 1


def test_points_move_as_the_transform_says() -> None:
    transform = Affine.translation(3, 4) @ Affine.rotation(30) @ Affine.scale(2, -5)
    points = np.array([[0.0, 0.0], [1.0, 2.0], [-3.0, 7.0]])
    expected = [transform @ tuple(point) for point in points]
    np.testing.assert_allclose(moved(points, transform), expected)


def test_parts_become_single_polygons_without_z_and_empty_ones_go() -> None:
    shapes = ["MULTIPOLYGON Z (((0 0 9, 1 0 9, 1 1 9, 0 0 9)), ((5 5 9, 6 5 9, 6 6 9, 5 5 9)))"]
    shapes += ["POLYGON EMPTY", "POLYGON ((2 2, 3 2, 3 3, 2 2))"]
    polygons = polygons_of(FILE, [Outline(text, shapely.from_wkt(text)) for text in shapes])
    assert [polygon.bounds[0] for polygon in polygons] == [0, 5, 2]
    assert not any(polygon.has_z for polygon in polygons)


def test_faulty_outlines_are_named_with_the_reason() -> None:
    bow = shapely.from_wkt("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))")
    faulty = [Outline("house 1", bow), Outline("house 2", shapely.Point(1, 1))]
    good = Outline("house 3", shapely.box(0, 0, 1, 1))
    with pytest.raises(DataError) as caught:
        polygons_of(FILE, [*faulty, good, *[Outline(f"house {n}", bow) for n in (4, 5, 6)]])
    (problem,) = caught.value.problems
    assert problem.file == FILE
    assert problem.reason == (
        "cannot be used: house 1 is not valid: Self-intersection[1 1]; house 2 is a Point, not a"
        " polygon; house 4 is not valid: Self-intersection[1 1]; and 2 more"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"features": [', "is not JSON: Expecting value"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[1, 2]", "holds a JSON list, not an object"),
    ],
)
def test_text_that_is_no_json_object_is_a_problem_of_its_file(text: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        parse_json(FILE, text)
    assert caught.value.problems[0].file == FILE


def test_a_label_that_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_bytes(tmp_path)
