import pytest

from datasets import DATASETS, DataError, resolve_bands
from datasets.source import natural_key

SOURCE = DATASETS["landslide4sense"]


def test_bands_by_word_name_and_index() -> None:
    assert resolve_bands(SOURCE, "rgb") == (3, 2, 1)
    assert resolve_bands(SOURCE, "all") == tuple(range(14))
    assert resolve_bands(SOURCE, ["DEM", "B4", 0]) == (13, 3, 0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (["B4", "slop"], "did you mean 'slope'"),
        (["dem"], "did you mean 'DEM'"),
        (["zebra"], "there are: B1, B2"),
        ([14], "from 0 to 13"),
        ([-1], "from 0 to 13"),
        (["B4", 3], "twice"),
        ([], "empty"),
        ("B4", "neither 'all' nor 'rgb'"),
    ],
)
def test_wrong_bands_say_what_is_right(spec: str | list[str | int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        resolve_bands(SOURCE, spec)


def test_names_sort_as_people_count() -> None:
    names = ["image_10", "train", "image_2", "image_1_b", "image_1", "image_1_a"]
    expected = ["image_1", "image_1_a", "image_1_b", "image_2", "image_10", "train"]
    assert sorted(names, key=natural_key) == expected
