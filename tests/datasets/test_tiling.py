import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from datasets import DataError, Tiling, Window
from datasets.tiling import MIN_VISIBLE, clip_boxes, clip_footprints, windows

tilings = st.integers(1, 40).flatmap(
    lambda size: st.builds(Tiling, st.just(size), st.integers(0, size - 1))
)
sides = st.integers(1, 90)


@settings(deadline=None)
@given(sides, sides, tilings)
def test_tiles_cover_every_pixel_and_all_have_one_size(
    height: int, width: int, tiling: Tiling
) -> None:
    covered = np.zeros((height, width), dtype=bool)
    tiles = windows(height, width, tiling)
    for x, y, w, h in tiles:
        assert (w, h) == (min(tiling.size, width), min(tiling.size, height))
        assert 0 <= x <= width - w and 0 <= y <= height - h
        covered[y : y + h, x : x + w] = True
    assert covered.all()
    assert tiles == sorted(set(tiles), key=lambda tile: (tile.y, tile.x))


@settings(deadline=None)
@given(sides, sides, tilings)
def test_neighbours_overlap_by_what_was_asked_and_only_the_last_by_more(
    height: int, width: int, tiling: Tiling
) -> None:
    tiles = windows(height, width, tiling)
    for starts in ({tile.x for tile in tiles}, {tile.y for tile in tiles}):
        overlaps = [tiling.size - step for step in np.diff(sorted(starts))]
        assert overlaps[:-1] == [tiling.overlap] * len(overlaps[:-1])
        assert all(overlap >= tiling.overlap for overlap in overlaps)


def test_a_row_of_tiles_ends_at_the_border() -> None:
    assert windows(5, 10, Tiling(4, 1)) == [Window(x, y, 4, 4) for y in (0, 1) for x in (0, 3, 6)]


@pytest.mark.parametrize("overlap", [-1, 8, 9])
def test_tiles_that_do_not_advance_are_refused(overlap: int) -> None:
    with pytest.raises(DataError, match=f"tiles of 8 px cannot overlap by {overlap} px"):
        windows(20, 20, Tiling(8, overlap))


WINDOW = Window(100, 50, 40, 30)  # x 100 to 140, y 50 to 80


@pytest.mark.parametrize(
    ("given_box", "expected"),
    [
        ([110, 60, 120, 70], [10, 10, 20, 20]),
        ([90, 60, 110, 70], [0, 10, 10, 20]),  # half of it
        ([93, 60, 103, 70], [0, 10, 3, 20]),  # three tenths
        ([92.9, 60, 102.9, 70], None),  # a little less: a sliver
        ([96, 46, 106, 56], [0, 0, 6, 6]),  # 36 of 100 in the corner
        ([140, 60, 150, 70], None),  # touches
        ([0, 0, 300, 300], [0, 0, 40, 30]),  # larger than the tile, which it fills
        ([0, 75, 300, 300], None),  # larger than the tile, which shows a sixth of what it could
    ],
)
def test_a_box_is_cut_to_the_tile_or_dropped_as_a_sliver(
    given_box: list[float], expected: list[float] | None
) -> None:
    boxes = np.array([given_box, [101, 51, 102, 52]], dtype=np.float32)
    clipped, labels = clip_boxes(boxes, np.array([3, 7]), WINDOW)
    assert (clipped.dtype.name, labels.dtype.name) == ("float32", "int64")
    np.testing.assert_allclose(clipped[-1], [1, 1, 2, 2])
    assert labels.tolist() == ([7] if expected is None else [3, 7])
    if expected is not None:
        np.testing.assert_allclose(clipped[0], expected, atol=1e-4)


@settings(deadline=None)
@given(
    st.lists(st.tuples(*4 * [st.integers(0, 60)], st.integers(1, 9)), max_size=8),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_boxes_in_a_tile_are_those_that_shapely_cuts(
    rows: list[tuple[int, int, int, int, int]], x: int, y: int
) -> None:
    """Boxes no larger than the tile, so that a sliver is a share of the whole box."""
    window = Window(x, y, 20, 20)
    frame = box(x, y, x + 20, y + 20)
    boxes = np.array(
        [[a, b, a + 1 + c % 20, b + 1 + d % 20] for a, b, c, d, _ in rows], dtype=np.float32
    ).reshape(-1, 4)
    labels = np.array([label for *_, label in rows], dtype=np.int64)
    expected = []
    for corners, label in zip(boxes, labels, strict=True):
        whole = box(*corners)
        part = whole.intersection(frame)
        if part.area > 0 and part.area >= MIN_VISIBLE * whole.area - 1e-9:
            expected.append(([part.bounds[i] - (x, y)[i % 2] for i in range(4)], label))
    clipped, kept = clip_boxes(boxes, labels, window)
    assert list(zip(clipped.tolist(), kept, strict=True)) == expected


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """Stars around a point: valid, often not convex."""
    radii = draw(st.lists(st.integers(3, 30), min_size=3, max_size=9))
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    x, y = draw(st.tuples(st.integers(0, 60), st.integers(0, 60)))
    return Polygon(np.c_[x + radii * np.cos(angles), y + radii * np.sin(angles)])


@settings(deadline=None, max_examples=30)
@given(st.lists(polygons(), max_size=4))
def test_tiles_without_overlap_share_out_every_footprint(outlines: list[Polygon]) -> None:
    shared = 0.0
    for window in windows(60, 60, Tiling(20, 0)):
        parts = clip_footprints(outlines, window)
        assert all(part.geom_type == "Polygon" and part.area > 0 for part in parts)
        assert all(shapely.box(0, 0, 20, 20).buffer(1e-9).covers(part) for part in parts)
        shared += sum(part.area for part in parts)
    inside = sum(outline.intersection(box(0, 0, 60, 60)).area for outline in outlines)
    assert shared == pytest.approx(inside)


def test_a_footprint_that_the_border_cuts_in_two_becomes_two() -> None:
    horseshoe = Polygon([(0, 0), (8, 0), (8, 2), (2, 2), (2, 6), (8, 6), (8, 8), (0, 8)])
    parts = clip_footprints([horseshoe], Window(4, 0, 10, 10))
    assert sorted(part.bounds for part in parts) == [(0, 0, 4, 2), (0, 6, 4, 8)]
    assert clip_footprints([horseshoe], Window(8, 0, 10, 10)) == ()
    assert clip_footprints([], Window(8, 0, 10, 10)) == ()
