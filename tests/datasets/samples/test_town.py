from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from datasets.samples.streets import Plan, plan_town
from datasets.samples.town import (
    ARID,
    BACKGROUND,
    BUILDING,
    TEMPERATE,
    WATER,
    WOODLAND,
    Look,
    Town,
    make_town,
)

LOOKS = st.sampled_from([TEMPERATE, ARID])
SEEDS = st.integers(0, 2**31)


def town(seed: int, look: Look, size: int = 128) -> Town:
    return make_town(np.random.default_rng(seed), size, look)


@settings(max_examples=8, deadline=None)
@given(SEEDS, LOOKS, st.sampled_from([96, 131]))
def test_a_pixel_is_building_if_its_centre_lies_in_an_outline(
    seed: int, look: Look, size: int
) -> None:
    one = town(seed, look, size)
    y, x = np.mgrid[:size, :size] + 0.5
    outlines = shapely.union_all(one.buildings)
    off_border = shapely.distance(shapely.points(x, y), outlines.boundary) > 1e-6
    inside = shapely.contains_xy(outlines, x, y)
    np.testing.assert_array_equal((one.classes == BUILDING)[off_border], inside[off_border])


@settings(max_examples=8, deadline=None)
@given(SEEDS, LOOKS)
def test_outlines_are_whole_apart_and_within_the_image(seed: int, look: Look) -> None:
    buildings = np.array(town(seed, look).buildings, dtype=np.object_)  # perhaps none
    assert shapely.is_valid(buildings).all() and (shapely.area(buildings) > 0).all()
    assert shapely.covers(shapely.box(0, 0, 128, 128), buildings).all()
    one, other = shapely.STRtree(buildings).query(buildings, predicate="intersects")
    np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module", params=[TEMPERATE, ARID], ids=["temperate", "arid"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return plan_town(np.random.default_rng(3), 200, 1.0, request.param.streets)


def test_houses_stand_in_line_with_a_side_of_their_block_and_off_the_streets(plan: Plan) -> None:
    surfaces = shapely.union_all([*plan.avenues, *plan.streets])
    assert len(plan.houses.outlines) > 20
    assert not shapely.intersects(plan.houses.outlines, surfaces).any()
    fronts = plan.houses.parts[:, 1] - plan.houses.parts[:, 0]
    for owner, (x, y) in zip(plan.houses.owner, fronts, strict=True):
        (block,) = plan.blocks[shapely.contains(plan.blocks, plan.houses.outlines[owner])]
        dx, dy = np.diff(np.asarray(block.exterior.coords), axis=0).T
        sines = (dx * y - dy * x) / np.hypot(dx, dy) / np.hypot(x, y)
        assert np.abs(sines).min() < 0.02


def test_houses_are_rectangles_and_l_shapes_made_of_their_parts(plan: Plan) -> None:
    houses = plan.houses
    corners = shapely.get_num_coordinates(houses.outlines) - 1
    assert set(corners) == {4, 6}
    wings = np.bincount(houses.owner, minlength=len(houses.outlines))
    np.testing.assert_array_equal(wings, np.where(corners == 6, 2, 1))
    front, depth = houses.parts[:, 1] - houses.parts[:, 0], houses.parts[:, 3] - houses.parts[:, 0]
    np.testing.assert_allclose((front * depth).sum(axis=1), 0, atol=1e-6)
    areas = np.bincount(houses.owner, shapely.area(shapely.polygons(houses.parts)))
    np.testing.assert_allclose(areas, shapely.area(houses.outlines))


def test_the_same_seed_gives_the_same_town_and_another_seed_another() -> None:
    one, again, other = town(1, ARID), town(1, ARID), town(2, ARID)
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.classes, again.classes)
    assert one.buildings == again.buildings
    assert (one.classes != other.classes).any()


def test_light_changes_the_image_and_not_the_classes() -> None:
    noon, evening = town(4, TEMPERATE), town(4, replace(TEMPERATE, sun=(290, 15)))
    np.testing.assert_array_equal(noon.classes, evening.classes)
    ground = noon.classes == BACKGROUND
    assert evening.image[:, ground].mean() < 0.95 * noon.image[:, ground].mean()


@pytest.mark.parametrize("azimuth", [0, 90, 180, 270])
def test_shadows_fall_away_from_the_sun_onto_background(azimuth: int) -> None:
    look = replace(TEMPERATE, sun=(azimuth, 45), woods=0, waters=0, trees=0)
    one = town(5, look, 256)
    away = np.array([np.cos(np.radians(azimuth)), -np.sin(np.radians(azimuth))])  # rows, columns
    ground, brightness = one.classes == BACKGROUND, one.image.mean(axis=0)
    sides = []
    for step in (6 * away, -6 * away):
        beside = ndimage.shift((one.classes == BUILDING).astype(float), step, order=0) > 0
        sides.append(brightness[beside & ground].mean())
    assert sides[0] < 0.75 * sides[1]


def test_a_tree_that_stands_alone_is_background() -> None:
    look = replace(TEMPERATE, woods=0, waters=0, built=0, trees=60, gables=0)
    one = town(6, look, 256)
    red, green, blue = ndimage.gaussian_filter(one.image, (0, 1, 1))
    assert ((green > 1.25 * red) & (green > 1.25 * blue)).sum() > 300
    assert not (one.classes == WOODLAND).any()


def test_woods_and_water_cover_what_the_look_says_on_average() -> None:
    look = replace(TEMPERATE, built=0, woods=0.3, waters=0.1)
    shares = np.mean(
        [np.bincount(town(s, look, 96).classes.ravel(), minlength=5) / 96**2 for s in range(24)], 0
    )
    assert 0.15 < shares[WOODLAND] < 0.35  # streets and rivers run through the woods
    assert 0.06 < shares[WATER] < 0.14


def test_a_smaller_pixel_shows_the_same_houses_larger() -> None:
    def square_metres(pixel: float) -> float:
        towns = [make_town(np.random.default_rng(s), 160, TEMPERATE, pixel) for s in range(8)]
        inner = shapely.box(1, 1, 159, 159)
        whole = [b for one in towns for b in one.buildings if inner.contains(b)]
        return float(np.median(shapely.area(whole)) * pixel**2)

    assert square_metres(0.3) == pytest.approx(square_metres(0.6), rel=0.25)


def features(image: np.ndarray) -> np.ndarray:
    """What a linear classifier sees of each pixel [N, 10]: colours, and colours around."""
    around = [ndimage.gaussian_filter(image, (0, sigma, sigma)) for sigma in (2, 6)]
    stacked = np.concatenate([image, *around, np.ones_like(image[:1])])
    return stacked.reshape(len(stacked), -1).T


def test_what_is_learnt_on_one_look_fails_on_the_other() -> None:
    """Buildings told from the rest by least squares, trained on one town of a look."""

    def iou(weights: np.ndarray, one: Town) -> float:
        found = features(one.image) @ weights > 0.3
        truth = (one.classes == BUILDING).ravel()
        return float((found & truth).sum() / (found | truth).sum())

    for here, there in ((TEMPERATE, ARID), (ARID, TEMPERATE)):
        seen = town(10, here, 256)
        weights = np.linalg.lstsq(
            features(seen.image), (seen.classes == BUILDING).ravel().astype(float), rcond=None
        )[0]
        assert iou(weights, town(11, there, 256)) < 0.6 * iou(weights, town(11, here, 256))
