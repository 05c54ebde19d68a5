"""Everything that has to choose goes by `runs.winner`, which its own tests explain."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context

import analysis
from analysis.figures import sketch_figures
from analysis.figures.style import RC
from analysis.pictures.choice import shown_models
from analysis.report.answer import answer
from analysis.standings import best_models, models_of_arms, ranked_arms
from analysis.statistics.tallies import best_tallies
from runs.factory import trial_record
from runs.records import TestRecord
from runs.tallies import PixelTally, write_tally
from runs.winner import rank_records
from tests.analysis.made import make_run, stopped, trial

A, B = {"backbone": "a"}, {"backbone": "b"}
METRICS = ["mIoU", "IoU/building", "IoU/water"]


@pytest.fixture
def equal(tmp_path: Path) -> analysis.Run:
    """Trials A .3, B .5, A .5: the sweep lists A first, but B reached .5 first. All are tested."""
    rows = [
        [{"epoch": 1, **dict.fromkeys(METRICS, score)}, {"epoch": 2, **dict.fromkeys(METRICS, 0.1)}]
        for score in (0.3, 0.5, 0.5)
    ]
    trials = [
        trial(arm, score, epochs=epochs)
        for arm, score, epochs in zip((A, B, A), (0.3, 0.5, 0.5), rows, strict=True)
    ]
    run = make_run(tmp_path / "run", trials, metrics=METRICS, arms=[A, B])
    names = np.array([f"image{number}" for number in range(30)])
    counts = np.random.default_rng(0).integers(1, 9, (30, 3, 3))
    for record in run.directory.trials():
        write_tally(run.directory.tally_file(record), PixelTally(names, counts, None))
    scores = {name: dict.fromkeys(METRICS, 0.4) for name in run.trials["name"]}
    run.directory.write_test(TestRecord(scores=scores))
    return analysis.load(run.path)


def test_trial_that_reached_the_score_first_wins_everywhere(equal: analysis.Run) -> None:
    assert rank_records(equal.directory.trials())[0].model.name == "001-b"
    assert analysis.rank_arms(equal)["backbone"].tolist() == ["b", "a"]
    assert analysis.rank_arms(equal, "IoU/water")["backbone"].tolist() == ["b", "a"]
    assert analysis.rank_trials(equal)["number"].tolist() == [1, 2, 0]
    assert analysis.class_scores(equal)["trial"].drop_duplicates().tolist() == ["001-b", "002-a"]
    assert best_tallies(equal)[0] == 1
    assert [model.name for model in shown_models(equal, 2)] == ["001-b", "002-a"]
    assert answer(analysis.rank_runs([equal])).lead.startswith("b is best")


def test_figures_show_that_trial_as_the_best(equal: analysis.Run) -> None:
    with rc_context(RC):
        sketches, _ = sketch_figures(equal)
    assert "in the order of validation: b 0.400" in sketches["arms"].alt
    assert "What b, the best arm" in sketches["confusion"].caption
    assert "best trial of each arm. b goes from" in sketches["learning"].alt


def test_equal_arms_of_several_runs_are_in_the_order_of_the_runs(
    equal: analysis.Run, tmp_path: Path
) -> None:
    other = make_run(tmp_path / "other", [trial(A, 0.5)], metrics=METRICS, name="other")
    frame = analysis.rank_runs([equal, other]).frame
    # By the number of the trial: 0 of the other run, then 1 and 2.
    assert frame["sweep"].tolist() == ["other", "made", "made"]
    twice = analysis.rank_runs([other, analysis.load(other.path)]).frame
    assert twice["backbone"].tolist() == ["a", "a"]


def test_repeats_of_a_trial_that_is_no_longer_the_first_do_not_count(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trial(A, 0.5), trial(B, 0.4), trial(A, 0.6)])
    for number, of in enumerate(run.directory.trials()[:2]):
        repeat = trial_record(number, of.arm, 0.45, of=of, config={"seed": 7})
        run.directory.write_training(repeat)
    run = analysis.load(run.path)
    ranked = ranked_arms(run, "mIoU")
    assert [(one.arm, one.trial.number, len(one.repeats)) for one in ranked] == [
        (1, 1, 1),
        (0, 2, 0),
    ]
    assert models_of_arms(run, "mIoU")["name"].tolist() == ["002-a", "001-b-seed7"]
    assert analysis.rank_arms(run)["backbone"].tolist() == ["b", "a"]


@pytest.mark.parametrize("seed", range(8))
def test_models_are_those_that_the_engine_and_predict_take(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = [None, 0.3, 0.4, 0.5]
    arms = [{"backbone": name} for name in "abcd"]
    trials = []
    for _ in range(10):
        score, trained = scores[rng.integers(4)], int(rng.integers(1, 4))
        epochs = [] if score is None else [score] * trained
        trials.append(stopped(arms[rng.integers(4)], epochs, of=3))
    run = make_run(tmp_path / "run", trials)
    scored = [one for one in run.directory.trials() if one.score is not None]
    for number in range(6):
        of = scored[rng.integers(len(scored))]
        score, config = scores[rng.integers(4)], {"seed": 10 + number}
        run.directory.write_training(trial_record(number, of.arm, score, of=of, config=config))
    run = analysis.load(run.path)
    expected = rank_records(run.directory.trials(), run.directory.repeats())
    assert best_models(run)["name"].tolist() == [one.model.name for one in expected]
    ranked = analysis.rank_arms(run)["backbone"].head(len(expected))
    assert ranked.tolist() == [one.arm["backbone"] for one in expected]


def test_trial_that_was_trained_further_is_first_by_every_metric(halved: analysis.Run) -> None:
    for metric in ("mIoU", "IoU/water"):
        ranked = ranked_arms(halved, metric)
        assert [(one.arm, one.trial.number) for one in ranked] == [(0, 0), (1, 1), (2, 2)]
