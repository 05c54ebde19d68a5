"""What a drafted sweep file chooses, and how its YAML is written."""

import pytest
from ruamel.yaml import YAML

from datasets.drafts.choices import _fitting
from datasets.drafts.study import _epochs_trained
from datasets.drafts.written import Key, Section, lines, scalar


@pytest.mark.parametrize(
    ("side", "most", "size"),
    [
        (128, 512, 128),
        (300, 512, 320),
        (100, 512, 128),
        (1000, 512, 512),
        (600, 512, 320),
        (20, 512, 32),
        (1500, 250, 224),
    ],
)
def test_tiles_fit_scenes_with_little_padding(side: float, most: float, size: int) -> None:
    assert _fitting(side, most) == size


def test_a_third_continues_from_each_rung_and_every_arm_to_its_end() -> None:
    assert _epochs_trained(trials=9, arms=1, epochs=9, grace=1) == 9 + 3 * 2 + 6
    assert _epochs_trained(trials=4, arms=4, epochs=10, grace=2) == 40


@pytest.mark.parametrize(
    "value",
    [
        "pond",
        "no",
        "a: b",
        "# x",
        "",
        "12",
        "/data/mine",
        "Wald é",
        None,
        True,
        3,
        0.25,
        1e-4,
        ["x y", 1],
        {1: "pond", "a": None},
    ],
)
def test_values_are_read_back_as_they_were(value: object) -> None:
    text = "\n".join(lines([Section("top", "why", [Key("key", value, "a reason " * 20)])]))
    assert YAML(typ="safe").load(text) == {"top": {"key": value}}
    assert max(map(len, text.splitlines())) <= 100
    assert YAML(typ="safe").load(scalar(value)) == value
