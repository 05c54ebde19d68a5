"""Footprints are outlined, matched and scored as in the SpaceNet challenges."""

import subprocess
import sys
from collections.abc import Sequence
from math import nan
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.features import rasterize
from shapely import Polygon, box

from models.metrics.footprint_scores import FOOTPRINT_METRICS, Counts, footprint_scores
from models.metrics.footprints import Footprint, footprints_in, match

BOW_TIE = Polygon([(0, 0), (20, 20), (20, 0), (0, 20)])
RIGHT_LOBE = Polygon([(10, 10), (20, 20), (20, 0)])

masks = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))
corners = st.tuples(st.integers(0, 14), st.integers(0, 14))
#: Convex, hollow, degenerate and invalid ones, large and small.
quadrangles = st.lists(corners, min_size=4, max_size=4).map(Polygon)
boxes = st.tuples(corners, st.integers(1, 12), st.integers(1, 12)).map(
    lambda at: box(*at[0], at[0][0] + at[1], at[0][1] + at[2])
)
outlines = st.one_of(boxes, boxes, quadrangles)


@pytest.mark.parametrize("library", ["torch", "rasterio", "shapely", "datasets"])
def test_counts_are_scored_without_what_makes_them(library: str) -> None:
    """`analysis` imports them in notebooks: it should not wait for what it does not need."""
    program = (
        "import models.metrics.average_precision, models.metrics.footprint_scores, sys; "
        f"assert '{library}' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=True)


def test_components_are_outlined_in_pixels_of_the_file() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[1, 2:4] = True
    probability = np.zeros((4, 4), dtype=np.float32)
    probability[1, 2:4] = 0.5, 0.75
    (footprint,) = footprints_in(mask, probability, size=(40, 8))
    assert footprint.polygon.equals(box(4, 10, 8, 20))
    assert footprint.confidence == 0.625


def test_components_that_meet_at_a_corner_stay_apart() -> None:
    mask = np.eye(3, dtype=bool)
    assert len(footprints_in(mask, mask.astype(np.float32), size=(3, 3))) == 3


def test_court_is_not_part_of_its_building() -> None:
    mask = np.ones((3, 3), dtype=bool)
    mask[1, 1] = False
    (footprint,) = footprints_in(mask, np.where(mask, 0.5, 0).astype(np.float32), size=(3, 3))
    assert footprint.polygon.area == 8
    assert footprint.confidence == 0.5


def test_empty_mask_has_no_footprints() -> None:
    nothing = np.zeros((4, 4), dtype=bool)
    assert footprints_in(nothing, np.ones((4, 4), dtype=np.float32), size=(4, 4)) == []


@given(masks, st.integers(0, 2**32 - 1))
def test_footprints_burnt_back_are_the_mask_and_hold_their_confidence(
    mask: np.ndarray, seed: int
) -> None:
    probability = np.random.default_rng(seed).random(mask.shape, dtype=np.float32)
    footprints = footprints_in(mask, probability, size=mask.shape)
    times_covered = np.zeros(mask.shape, dtype=int)
    for footprint in footprints:
        assert footprint.polygon.is_valid
        inside = rasterize([footprint.polygon], out_shape=mask.shape).astype(bool)
        assert footprint.confidence == pytest.approx(probability[inside].mean(), rel=1e-5)
        times_covered += inside
    np.testing.assert_array_equal(times_covered, mask)


TRUTH = box(0, 0, 10, 10)
SHIFTED = box(2, 0, 12, 10)
#: Finds TRUTH at IoU .67 and SHIFTED not at all.
ONE_SIDED = box(-2, 0, 8, 10)


@pytest.mark.parametrize(
    ("truths", "proposals", "counts"),
    [
        pytest.param([], [], Counts(), id="nothing"),
        pytest.param([TRUTH], [], Counts(0, 0, 1), id="missed"),
        pytest.param([], [(TRUTH, 0.5)], Counts(0, 1, 0), id="false positive"),
        pytest.param([TRUTH], [(box(0, 0, 10, 5), 1)], Counts(0, 1, 1), id="IoU of one half"),
        pytest.param(
            [box(0, 0, 9, 10)], [(box(3, 0, 12, 10), 1)], Counts(0, 1, 1), id="the same, shifted"
        ),
        pytest.param([TRUTH], [(box(0, 0, 10, 5.01), 1)], Counts(1, 0, 0), id="IoU above that"),
        pytest.param([TRUTH], [(TRUTH, 0.9), (TRUTH, 0.8)], Counts(1, 1, 0), id="taken"),
        pytest.param(
            [TRUTH, SHIFTED], [(ONE_SIDED, 0.1), (TRUTH, 0.2)], Counts(1, 1, 1), id="by confidence"
        ),
        pytest.param(
            [TRUTH, SHIFTED], [(TRUTH, 0.1), (ONE_SIDED, 0.2)], Counts(2, 0, 0), id="next best"
        ),
        pytest.param(
            [TRUTH, SHIFTED], [(TRUTH, 0.5), (ONE_SIDED, 0.5)], Counts(1, 1, 1), id="equal, before"
        ),
        pytest.param(
            [TRUTH, SHIFTED], [(ONE_SIDED, 0.5), (TRUTH, 0.5)], Counts(2, 0, 0), id="equal, after"
        ),
        pytest.param([box(0, 0, 4, 5)], [], Counts(0, 0, 1), id="truth of 20"),
        pytest.param([box(0, 0, 4, 4.9)], [], Counts(), id="truth below 20"),
        pytest.param([], [(box(0, 0, 4, 5), 1)], Counts(), id="proposal of 20"),
        pytest.param([], [(box(0, 0, 4, 5.1), 1)], Counts(0, 1, 0), id="proposal above 20"),
        pytest.param(
            [box(0, 0, 4, 4.9)], [(box(0, 0, 4, 5.1), 1)], Counts(0, 1, 0), id="small truth taken"
        ),
        pytest.param([RIGHT_LOBE], [(BOW_TIE, 1)], Counts(1, 0, 0), id="repaired proposal"),
        pytest.param([BOW_TIE], [(BOW_TIE, 1)], Counts(0, 1, 1), id="invalid truth"),
        pytest.param(
            [shapely.transform(BOW_TIE, lambda xy: xy / 10)], [], Counts(), id="small invalid truth"
        ),
        pytest.param(
            [Polygon([(0, 0, 7), (9, 0, 8), (9, 9, 9)])],
            [(Polygon([(0, 0), (9, 0), (9, 9)]), 1)],
            Counts(1, 0, 0),
            id="heights",
        ),
    ],
)
def test_every_clause_of_the_metric(
    truths: list[Polygon], proposals: list[tuple[Polygon, float]], counts: Counts
) -> None:
    assert match(truths, [Footprint(*proposal) for proposal in proposals]) == counts


def reference(truths: Sequence[Polygon], proposals: Sequence[Footprint]) -> Counts:
    """The metric by its definition."""
    covered = [truth if truth.is_valid else shapely.make_valid(truth) for truth in truths]
    remaining = [truth for truth, whole in zip(truths, covered, strict=True) if whole.area >= 20]
    found = false = 0
    for proposal in sorted(proposals, key=lambda one: one.confidence, reverse=True):
        polygon = proposal.polygon if proposal.polygon.is_valid else proposal.polygon.buffer(0)
        if not polygon.area > 20:
            continue
        overlaps = [iou(truth, polygon) if truth.is_valid else 0.0 for truth in remaining]
        if max(overlaps, default=0.0) > 0.5:
            found += 1
            del remaining[overlaps.index(max(overlaps))]
        else:
            false += 1
    return Counts(found, false, len(remaining))


def iou(one: Polygon, other: Polygon) -> float:
    shared = one.intersection(other).area
    return shared / (one.area + other.area - shared)


@given(
    st.lists(outlines, max_size=8),
    st.lists(st.builds(Footprint, outlines, st.sampled_from([0.1, 0.5, 0.9])), max_size=8),
)
def test_match_agrees_with_the_definition_of_the_metric(
    truths: list[Polygon], proposals: list[Footprint]
) -> None:
    # Half of the truths are proposed as well, or there would be few matches.
    proposals += [Footprint(truth, 0.5) for truth in truths[::2]]
    assert match(truths, proposals) == reference(truths, proposals)


@pytest.mark.parametrize(
    ("counts", "f1", "precision", "recall"),
    [
        ((3, 3, 3), 0.5, 0.5, 0.5),
        ((3, 1, 2), 2 / 3, 0.75, 0.6),
        ((0, 0, 0), nan, nan, nan),
        ((0, 0, 4), 0, nan, 0),
        ((0, 4, 0), 0, 0, nan),
    ],
)
def test_a_quotient_of_nothing_by_nothing_is_not_defined(
    counts: tuple[int, int, int], f1: float, precision: float, recall: float
) -> None:
    ours = footprint_scores(np.array([counts, (1, 1, 1)]))
    expected = dict(zip(FOOTPRINT_METRICS, (f1, precision, recall), strict=True))
    assert {name: values[0] for name, values in ours.items()} == pytest.approx(
        expected, nan_ok=True
    )
