from itertools import combinations

import numpy as np
import pytest

from datasets import DATASETS
from datasets.colours import IGNORED_GREY, MOST, ORANGE, check_colours, class_colours


def test_classes_have_the_colours_that_maps_give_them() -> None:
    """Water is blue and woodland green: the strongest channel, wherever they stand."""
    classes = ("road", *DATASETS["landcoverai"].classes[:3], "swamp")
    colours = dict(zip(("background", *classes), class_colours(classes, {}), strict=True))
    assert np.argmax(colours["woodland"]) == 1
    assert np.argmax(colours["water"]) == 2
    assert len(set(colours.values())) == len(colours)


@pytest.mark.parametrize(("count", "apart"), [(7, 60), (30, 40), (MOST, 1)])
def test_no_two_classes_have_one_colour_however_many_there_are(count: int, apart: int) -> None:
    """At least `apart` in RGB; the grey of what is ignored is none of them."""
    names = [f"class {at}" for at in range(count)]
    colours = np.array([*class_colours(names, {}), IGNORED_GREY])
    assert len(colours) == count + 2
    distances = [np.linalg.norm(one - other) for one, other in combinations(colours, 2)]
    assert min(distances) >= apart


def test_more_classes_leave_the_first_ones_their_colours() -> None:
    few, many = (class_colours([f"class {at}" for at in range(count)], {}) for count in (3, 20))
    assert many[:4] == few


def test_a_chosen_colour_is_no_other_class_s() -> None:
    """Also where it is the usual one of another class, or the next of the palette."""
    names = ("pond", "building", "field", "road")
    _, pond, *others = class_colours(names, {"pond": ORANGE})
    assert pond == ORANGE
    assert len({pond, *others}) == len(names)


def test_a_colour_for_what_is_no_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no class 'pnd'; did you mean 'pond'"):
        check_colours(("pond", "field"), {"pnd": ORANGE})
