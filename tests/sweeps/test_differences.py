"""How two sweeps differ is said key by key."""

from typing import Any

import pytest

from sweeps.differences import differences


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"seed": 0}, {"seed": 0}, []),
        ({"budget": {"trials": 8}}, {"budget": {"trials": 12}}, ["budget.trials: 8 → 12"]),
        ({"heads": ["a", "b"]}, {"heads": ["a", "b", "c"]}, ["heads: added c"]),
        ({"bands": ["B2"]}, {"bands": ["B3", "B4"]}, ["bands: added B3, B4, removed B2"]),
        ({"range": [0.1, 1.0]}, {"range": [0.1, 2.0]}, ["range: [0.1, 1] → [0.1, 2]"]),
        ({"bands": ["a", "b"]}, {"bands": ["b", "a"]}, ["bands: [a, b] → [b, a]"]),
        ({"fixed": {}}, {"fixed": {"augment": False}}, ["fixed.augment: added, false"]),
        ({"fixed": {"lr": 0.1}}, {"fixed": {}}, ["fixed.lr: removed"]),
        ({"repeats": None}, {"repeats": {"top": 2, "note": None}}, ["repeats: null → {top: 2}"]),
    ],
)
def test_each_key_that_differs_is_a_line(
    before: dict[str, Any], now: dict[str, Any], said: list[str]
) -> None:
    assert differences(before, now) == said
