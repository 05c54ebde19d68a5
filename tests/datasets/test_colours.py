from itertools import combinations

import numpy as np
import pytest

from datasets import DATASETS
from datasets.colours import MOST, class_colours


def test_classes_have_the_colours_that_maps_give_them() -> None:
    """Water is blue and woodland green: the strongest channel, wherever they stand."""
    classes = ("road", *DATASETS["landcoverai"].classes[:3], "swamp")
    colours = dict(zip(("background", *classes), class_colours(classes), strict=True))
    assert np.argmax(colours["woodland"]) == 1
    assert np.argmax(colours["water"]) == 2
    assert len(set(colours.values())) == len(colours)


@pytest.mark.parametrize(("count", "apart"), [(7, 60), (30, 40), (MOST, 1)])
def test_no_two_classes_have_one_colour_however_many_there_are(count: int, apart: int) -> None:
    """At least `apart` in RGB; the grey of what is ignored is none of them."""
    colours = np.array([*class_colours([f"class {at}" for at in range(count)]), (153, 153, 153)])
    assert len(colours) == count + 2
    distances = [np.linalg.norm(one - other) for one, other in combinations(colours, 2)]
    assert min(distances) >= apart


def test_more_classes_leave_the_first_ones_their_colours() -> None:
    few, many = (class_colours([f"class {at}" for at in range(count)]) for count in (3, 20))
    assert many[:4] == few
