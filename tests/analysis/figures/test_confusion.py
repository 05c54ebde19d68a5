"""The confusion matrix of whole images."""

import numpy as np
import pytest

from analysis import AnalysisError
from analysis.figures.confusion import _confusion
from analysis.statistics.tallies import Tally
from runs.tallies import LabelTally

CLASSES = ("background", "forest", "water")


def tally(truths: list[list[int]], found: list[list[int]]) -> Tally:
    names = np.array([f"image {number}" for number in range(len(truths))])
    confidences = np.zeros((len(truths), 2), np.float32)
    given = np.array(truths, np.bool_), np.array(found, np.bool_)
    return Tally(LabelTally(names, *given, confidences), CLASSES)


def test_images_are_counted_by_true_and_found_class() -> None:
    counted = _confusion(tally([[1, 0], [1, 0], [0, 1]], [[1, 0], [0, 1], [0, 1]]))
    assert counted.tolist() == [[1, 1], [0, 1]]


def test_images_of_several_classes_have_none() -> None:
    with pytest.raises(AnalysisError, match="several classes or none, which no confusion matrix"):
        _confusion(tally([[1, 1], [1, 0]], [[1, 0], [0, 1]]))
