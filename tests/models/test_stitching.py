"""Overlapping tiles are blended with weights that add up, and a class is chosen by probability."""

import numpy as np

from models.stitching import chosen_classes, taper


def test_tapers_of_neighbours_add_up_to_one() -> None:
    weights = taper(32).numpy()
    assert np.allclose(weights[:8] + weights[-8:], 1)
    assert (weights[8:-8] == 1).all()
    assert (weights > 0).all()


def test_a_threshold_decides_between_classes_and_background() -> None:
    """Columns: sure background, unsure, sure of class 2; sums need not be of weights 1."""
    sums = 2 * np.array([[[0.9, 0.5, 0.1]], [[0.06, 0.2, 0.1]], [[0.04, 0.3, 0.8]]], np.float32)
    assert chosen_classes(sums, None).tolist() == [[0, 0, 2]]
    assert chosen_classes(sums, 0.25).tolist() == [[0, 2, 2]]
    assert chosen_classes(sums, 0.85).tolist() == [[0, 0, 0]]
