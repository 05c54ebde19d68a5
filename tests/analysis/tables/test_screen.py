"""The table of a screen: probes beside the arms that went on."""

from pathlib import Path

import pytest

from analysis.loading import AnalysisError
from analysis.tables.screen import screen_table
from tests.analysis.made import make_run, trial

ARMS = [{"backbone": name} for name in ("a", "b", "c", "d")]


def test_probes_stand_beside_the_arms_that_went_on(tmp_path: Path) -> None:
    probes = [
        {"arm": arm, "score": score, "kept": score > 0.2}
        for arm, score in zip(ARMS, (0.5, 0.4, 0.3, 0.1), strict=True)
    ]
    trials = [trial(arm, score) for arm, score in zip(ARMS[:3], (0.6, 0.9, 0.7), strict=True)]
    table = screen_table(make_run(tmp_path, trials, probes=probes))
    assert table.frame["backbone"].tolist() == ["a", "b", "c", "d"]
    assert table.frame["rank of probe"].tolist() == [1, 2, 3, 4]
    assert table.frame["rank"].tolist() == ["3", "1", "2", "–"]
    assert "Of 4 arms the best 3 probes went on" in table.notes[0]
    assert "τ-b of the two scores is -0.33 (n = 3" in table.notes[1]


def test_a_run_without_a_screen_has_none(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="had no screen"):
        screen_table(make_run(tmp_path, [trial(ARMS[0], 0.5)]))
