"""The keys of a `dataset` section."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from datasets.options import Dataset, Splits


@pytest.mark.parametrize(
    ("written", "metres"),
    [("2km", 2000), ("0.5 km", 500), ("500m", 500), ("750", 750), (1000, 1000), (None, None)],
)
def test_blocks_have_a_length(written: object, metres: float | None) -> None:
    splits = Splits.model_validate({"blocks": written})
    assert splits.blocks == metres
    assert Splits.model_validate(splits.model_dump()) == splits


def test_lists_and_fractions_go_together() -> None:
    splits = Splits.model_validate({"test": "lists/test.txt", "val": 0.5})
    assert splits.lists == {"test": Path("lists/test.txt")}
    assert splits.division.val == 0.5


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"blocks": "2 miles"}, "write a length such as 500m or 2km"),
        ({"blocks": 0}, "greater than 0"),
        ({"blocks": "2km", "val": "val.txt"}, "leave one out"),
        ({"val": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"val": 15}, "a fraction lies between 0 and 1, not 15"),
    ],
)
def test_splits_that_cannot_be_meant_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Splits.model_validate(keys)


def test_colours_are_written_as_words_or_numbers() -> None:
    written = {"pond": "#0af", "field": "lime", "road": [1, 2, 3]}
    options = Dataset.model_validate({"name": "raster", "colours": written})
    assert options.colours == {"pond": (0, 170, 255), "field": (0, 255, 0), "road": (1, 2, 3)}
    assert Dataset.model_validate(options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    ("colours", "message"),
    [
        ({"pond": "wet"}, "write a colour such as '#00aaff' or green, not 'wet'"),
        ({"pond": "#0af", "field": "#00aaff"}, "field has the colour of pond"),
        ({"pond": "black"}, "pond has the colour of the background"),
    ],
)
def test_colours_tell_classes_apart(colours: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Dataset.model_validate({"name": "raster", "colours": colours})
