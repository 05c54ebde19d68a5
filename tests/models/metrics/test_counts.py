"""Scores of many counts at once; single ones are checked pixel by pixel in test_confusion.py."""

from math import nan

import numpy as np
import pytest

from models.metrics.counts import FOOTPRINT_METRICS, footprint_scores, pixel_scores

CLASSES = ("background", "building", "water")


def test_every_resample_is_scored_as_if_alone() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, (2, 4, 3, 3))
    counts[0, 1, 2] = counts[0, 1, :, 2] = 0  # without water
    together = pixel_scores(counts, CLASSES)
    for at in np.ndindex(2, 4):
        for name, alone in pixel_scores(counts[at], CLASSES).items():
            np.testing.assert_array_equal(together[name][at], alone)


def test_what_is_not_defined_is_nan_and_in_no_mean() -> None:
    counts = np.array([[[6, 2, 0], [1, 3, 0], [0, 0, 0]], np.zeros((3, 3))])
    result = pixel_scores(counts, CLASSES)
    assert result["IoU/building"][0] == pytest.approx(3 / 6)
    assert result["mIoU"][0] == pytest.approx((6 / 9 + 3 / 6) / 2)
    assert result["accuracy"][0] == pytest.approx(9 / 12)
    assert np.isnan(result["IoU/water"]).all()
    assert all(np.isnan(values[1]) for values in result.values())


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
def test_footprints_are_scored_by_the_spacenet_metric_and_nothing_by_nothing_is_no_number(
    counts: tuple[int, int, int], f1: float, precision: float, recall: float
) -> None:
    ours = footprint_scores(np.array([counts, (1, 1, 1)]))
    expected = dict(zip(FOOTPRINT_METRICS, (f1, precision, recall), strict=True))
    assert {name: values[0] for name, values in ours.items()} == pytest.approx(
        expected, nan_ok=True
    )
