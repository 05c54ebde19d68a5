from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.statistics.best_after import MOST_SIZES, best_after, expected_best
from tests.analysis.made import make_run, trial

VGG, VIT = {"backbone": "vgg11"}, {"backbone": "vit"}


@pytest.mark.parametrize("scores", [[0.3, 0.1, 0.5, 0.2, 0.45], [0.2, 0.2, 0.4, 0.4], [0.7]])
def test_expected_best_is_the_average_over_all_subsets(scores: list[float]) -> None:
    sizes = np.arange(1, len(scores) + 1)
    mean, deviation = expected_best(np.array(scores), sizes)
    for at, size in enumerate(sizes):
        best = [max(subset) for subset in combinations(scores, size)]
        assert mean[at] == pytest.approx(np.mean(best))
        assert deviation[at] == pytest.approx(np.std(best), abs=1e-9)


def test_arm_with_more_trials_does_not_look_better_for_that_alone() -> None:
    # The best of 4 uniform draws is 4 / 5 on average, however many trials it is estimated from.
    draws = np.random.default_rng(0).random((4000, 40))
    four = np.array([4])
    for trials in (5, 40):
        found = [expected_best(row[:trials], four)[0][0] for row in draws]
        assert np.mean(found) == pytest.approx(0.8, abs=0.01)


def test_many_trials_lose_no_precision() -> None:
    scores = np.arange(10_000) / 10_000
    mean, _ = expected_best(scores, np.array([1, 100, 10_000]))
    # The best of n of 1 … N is n (N + 1) / (n + 1) on average.
    expected = [(n * 10_001 / (n + 1) - 1) / 10_000 for n in (1, 100, 10_000)]
    assert mean == pytest.approx(expected, rel=1e-8)


def test_curve_of_an_arm_ends_at_its_best_and_at_all_its_seconds(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run",
        [
            trial(VGG, 0.2, seconds=10.0),
            trial(VIT, 0.9, seconds=5.0),
            trial(VGG, None, seconds=6.0),  # it is no draw, but it took its time
            trial(VGG, 0.4, seconds=20.0, status="pruned"),
        ],
    )
    curves = best_after(run)
    assert curves["arm"].tolist() == [0, 0, 1]
    assert curves["n"].tolist() == [1, 2, 1]
    assert curves["expected"].tolist() == pytest.approx([0.3, 0.4, 0.9])
    assert curves["seconds"].tolist() == pytest.approx([18.0, 36.0, 5.0])


def test_arm_of_many_trials_has_a_row_at_some_sizes(tmp_path: Path) -> None:
    count = MOST_SIZES + 50
    run = make_run(tmp_path / "run", [trial(VGG, at / count) for at in range(count)])
    sizes = best_after(run)["n"]
    assert len(sizes) <= MOST_SIZES
    assert (sizes.iloc[0], sizes.iloc[-1]) == (1, count)


def test_run_without_scores_has_no_curve(tmp_path: Path) -> None:
    assert best_after(make_run(tmp_path / "run", [trial(VGG, None)])).empty


def test_stopped_trial_counts_as_what_it_reached_and_at_most_the_best_finished_one(
    halved: analysis.Run,
) -> None:
    curves = best_after(halved)
    first = curves[curves["arm"] == 0]
    # Finished 0.5; stopped at 0.55, which counts as 0.5, and at 0.3.
    assert first["expected"].tolist() == pytest.approx([1.3 / 3, 0.5, 0.5])
    assert first["seconds"].tolist()[-1] == 100  # of all three


def test_arm_without_a_finished_trial_has_no_curve(halved: analysis.Run) -> None:
    assert set(best_after(halved)["arm"]) == {0, 1}
