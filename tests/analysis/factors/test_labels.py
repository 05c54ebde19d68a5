from pathlib import Path

import pytest

import analysis
from analysis.factors.labels import labels
from tests.analysis.factored import Values, factored_run

FRACTIONS = (0.05, 0.2, 1.0)
ARMS = [{"head": head, "train_fraction": one} for head in ("fpn", "unet") for one in FRACTIONS]


def steep(arm: Values) -> float:
    """A fifth of the labels is as good as all, a twentieth is not."""
    return (0.6 if arm["train_fraction"] == 0.05 else 0.8) + 0.05 * (arm["head"] == "unet")


def test_smallest_number_that_is_enough_is_told_from_one_that_is_not(tmp_path: Path) -> None:
    found = labels(factored_run(tmp_path / "run", ARMS, steep))
    assert found.images == (60, 240, 1200)
    assert found.enough
    assert dict(found.enough.line) == {"head": "unet"}
    assert found.enough.judged == ((0.2, "enough"), (0.05, "too few"))
    assert found.enough.least == 0.2


def test_number_that_scores_lower_than_the_share_is_not_enough(tmp_path: Path) -> None:
    def linear(arm: Values) -> float:
        return 0.5 + 0.4 * float(arm["train_fraction"])

    found = labels(factored_run(tmp_path / "run", ARMS, linear))
    assert found.enough
    assert found.enough.least is None


def test_without_intervals_nothing_is_called_enough(tmp_path: Path) -> None:
    assert labels(factored_run(tmp_path / "run", ARMS, steep, images=10)).enough is None


@pytest.mark.parametrize(("wrong", "why"), [(2.0, "more than all"), (0, "not a number above 0")])
def test_fraction_that_is_none_is_refused(tmp_path: Path, wrong: float, why: str) -> None:
    arms = [{"train_fraction": one} for one in (0.5, wrong)]
    run = factored_run(tmp_path / "run", arms, lambda _: 0.7)
    with pytest.raises(analysis.AnalysisError, match=why):
        labels(run)


def test_arms_that_differ_in_more_are_no_line(tmp_path: Path) -> None:
    arms = [{"head": "fpn", "train_fraction": 0.2}, {"head": "unet", "train_fraction": 1.0}]
    run = factored_run(tmp_path / "run", arms, steep)
    with pytest.raises(analysis.AnalysisError, match="differ in train_fraction alone"):
        labels(run)
