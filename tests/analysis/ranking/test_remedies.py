"""The sentences that say what would separate tied arms."""

import pytest

from analysis.ranking.remedies import remedy_in_short, remedy_note
from analysis.statistics.bootstrap import Drawn
from analysis.statistics.remedies import Remedy

IMAGES = Drawn(32, 32, 32)


def test_arms_are_named_with_what_they_need_the_least_first() -> None:
    tied = {"a": Remedy(6), "b": Remedy(4), "c": Remedy(6), "d": Remedy(10, 1234), "e": None}
    told = remedy_note("best", tied, seeds=2, drawn=IMAGES, over_seeds=True)
    assert told == (
        "2 seeds of the first arm are too few: 4 of each arm would separate best from b, 6 from a, "
        "c. 32 test images are too few: with 10 seeds of each arm, about 1300 would separate best "
        "from d. Not even 10 seeds of each arm and 100 times the test images would separate best "
        "from e. This holds if differences and variances stay as they are (power 0.8)."
    )


def test_where_seeds_are_unknown_nothing_is_said_of_them() -> None:
    told = remedy_note("best", {"a": Remedy(None, 90), "b": None}, 1, IMAGES, over_seeds=False)
    assert told.startswith("32 test images are too few: about 90 would separate best from a. ")
    assert "seeds" not in told


@pytest.mark.parametrize(
    ("tied", "told"),
    [
        ([Remedy(5), Remedy(4)], "2 seeds cannot separate these; 5 of each arm would"),
        ([Remedy(5), None], "2 seeds cannot separate these; 5 of each arm would separate 1 of"),
        ([Remedy(10, 61), None], "32 test images cannot separate these; about 61 would separate 1"),
        ([None], "too close for any reasonable number of seeds or test images"),
    ],
)
def test_in_short(tied: list[Remedy | None], told: str) -> None:
    assert remedy_in_short(tied, seeds=2, drawn=IMAGES, over_seeds=True).startswith(told)


def test_of_tiles_it_is_scenes_that_are_lacking() -> None:
    drawn = Drawn(images=300, scenes=12, units=8.0)
    told = remedy_note("best", {"a": Remedy(None, 40)}, seeds=1, drawn=drawn, over_seeds=False)
    assert told.startswith(
        "300 test tiles of 12 scenes are too few: about 60 scenes would separate"
    )
    short = remedy_in_short([Remedy(None, 40)], seeds=1, drawn=drawn, over_seeds=False)
    assert short == "300 test tiles of 12 scenes cannot separate these; about 60 scenes would"
