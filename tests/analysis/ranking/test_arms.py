import json
import shutil
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import pytest

import analysis
from analysis import bootstrap, compare_with, read_tally, resamples, seed_noise
from runs.factory import trial_record
from tests.analysis.made import edit, make_run, stopped, trial_file
from tests.analysis.tallied import tally_detections

SWIN = "000"
"""How the names of the trial and the repeats of that arm begin."""


def two_sweeps(folder: Path) -> list[analysis.Run]:
    """The run, and a copy of it under another name."""
    copy = folder.parent / "again"
    shutil.copytree(folder, copy)
    edit(copy / "run.json", name="again")
    return [analysis.load(folder), analysis.load(copy)]


def test_arms_are_ranked_by_their_best_trial_and_ties_by_the_number_of_the_trial(
    folder: Path,
) -> None:
    arms = analysis.rank_arms(analysis.load(folder))
    assert arms["rank"].tolist() == [1, 2, 3]
    assert [name.split("_")[0] for name in arms["backbone"]] == ["swin", "resnet18", "vit"]
    assert arms["best"].tolist()[:2] == [0.5, 0.5]
    assert arms["test"].tolist()[:2] == [0.44, 0.47]


def test_trial_without_a_score_does_not_count_whatever_its_epochs_say(folder: Path) -> None:
    arms = analysis.rank_arms(analysis.load(folder))
    assert arms[["best", "median", "test"]].iloc[-1].isna().all()
    assert arms["failed"].tolist() == [0, 0, 1]


def test_median_and_effort_are_those_of_the_files(folder: Path) -> None:
    arms = analysis.rank_arms(analysis.load(folder)).set_index("backbone")
    for backbone in ("resnet18", "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k"):
        trials = [
            json.loads(file.read_text())
            for file in folder.glob(f"trials/???-{backbone}-*/trial.json")
        ]
        row = arms.loc[backbone]
        assert row["n"] == len(trials)
        assert row["median"] == pytest.approx(median(trial["score"] for trial in trials))
        assert row["seconds"] == pytest.approx(sum(trial["seconds"] for trial in trials))
        assert row["epochs"] == sum(len(trial["epochs"]) for trial in trials)


def test_status_has_a_column_only_if_it_occurred(folder: Path) -> None:
    columns = ["pruned", "diverged", "failed", "unfinished"]
    arms = analysis.rank_arms(analysis.load(folder))
    assert arms[columns].to_numpy().tolist() == [[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    for file in folder.glob("trials/*/trial.json"):
        edit(file, status="done")
    columns += ["finished", "epoch"]
    assert not set(columns) & set(analysis.rank_arms(analysis.load(folder)))


def test_another_metric_has_its_own_best_trials_and_its_own_best_epochs(folder: Path) -> None:
    arms = analysis.rank_arms(analysis.load(folder), "AP")
    assert [name.split("_")[0] for name in arms["backbone"]] == ["resnet18", "swin", "vit"]
    assert arms["best"].tolist()[:2] == [0.36, 0.35]
    # ResNet's best trial by AP is not the one that was tested; Swin's is.
    assert arms["test"].isna().tolist() == [True, False, True]
    assert arms["test"].tolist()[1] == 0.21


def test_arms_with_repeats_are_ranked_by_their_mean_above_the_others(repeated: Path) -> None:
    edit(trial_file(repeated, 2), status="done", score=0.9, best_epoch=1)
    arms = analysis.rank_arms(analysis.load(repeated))
    assert [name.split("_")[0] for name in arms["backbone"]] == ["resnet18", "swin", "vit"]
    assert arms["best"].tolist() == [0.5, 0.5, 0.9]
    assert arms["mean"].tolist()[:2] == pytest.approx([0.55, 0.5])
    assert arms["test"].tolist()[:2] == pytest.approx([0.5, 0.45])
    assert arms["std"].tolist()[:2] == pytest.approx([0.1, 0.1])
    assert arms["seeds"].tolist()[:2] == [3, 3]
    assert arms[["mean", "std", "seeds"]].iloc[2].isna().all()


def test_by_another_metric_repeats_count_where_they_are_of_the_best_trial(repeated: Path) -> None:
    """By AP, Swin's best trial is the repeated one, and ResNet's is another."""
    arms = analysis.rank_arms(analysis.load(repeated), "AP")
    assert [name.split("_")[0] for name in arms["backbone"]] == ["swin", "resnet18", "vit"]
    assert arms["mean"].tolist()[0] == pytest.approx(0.25)
    assert arms["test"].tolist()[0] == pytest.approx(0.2)
    assert arms[["mean", "test"]].iloc[1].isna().all()


def test_columns_of_runs_without_repeats_and_tallies_are_those_there_were(folder: Path) -> None:
    assert analysis.rank_arms(analysis.load(folder)).columns.tolist() == [
        *["rank", "backbone", "pretraining", "best", "median", "test", "n"],
        *["finished", "pruned", "diverged", "failed", "unfinished", "epochs", "seconds"],
    ]


def test_tallied_arms_have_bounds_and_are_compared_with_the_first(repeated: Path) -> None:
    run = tally_detections(repeated, errors={SWIN: 9.0})
    arms = analysis.rank_arms(run)
    assert (arms["ci_low"] < arms["test"])[:2].all()
    assert (arms["test"] < arms["ci_high"])[:2].all()
    assert arms["difference"][1] == pytest.approx(arms["test"][0] - arms["test"][1])
    assert arms["tied"].tolist() == [pd.NA, False, pd.NA]
    best, other = (
        bootstrap(
            [read_tally(run, name) for name in run.repeats["name"] if name.startswith(arm)],
            "AP50",
            resamples(40, run.record.seed),
        )
        for arm in ("001", "000")
    )
    (expected,) = compare_with(best, [other], seed_noise([best, other]))
    assert arms["p"][1] == expected.p < 0.05


def test_runs_on_the_same_images_are_ranked_together(repeated: Path) -> None:
    tally_detections(repeated, errors={SWIN: 9.0})
    runs = two_sweeps(repeated)
    frame = analysis.rank_runs(runs).frame
    assert frame["sweep"].tolist() == ["landslide_backbones", "again"] * 3
    assert frame["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["tied"].tolist()[:4] == [pd.NA, True, False, False]
    assert frame["p"][1] == 1  # the same predictions
    alone = analysis.rank_arms(runs[0])
    pd.testing.assert_frame_equal(
        frame[["best", "test", "n"]].iloc[::2].reset_index(drop=True),
        alone[["best", "test", "n"]],
    )


def test_factor_that_only_one_sweep_compares_is_missing_in_the_other(folder: Path) -> None:
    first, second = two_sweeps(folder)
    arms = [{**arm, "head": "fpn"} for arm in second.record.arms]
    edit(second.path / "run.json", factors=[*arms[0]], arms=arms, skipped=[])
    for file in second.path.glob("trials/*/trial.json"):
        edit(file, arm=json.loads(file.read_text())["arm"] | {"head": "fpn"})
    frame = analysis.rank_runs([first, analysis.load(second.path)]).frame
    assert frame.groupby("sweep")["head"].count().to_dict() == {
        "again": 3,
        "landslide_backbones": 0,
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metric": "AP"}, "the first ranks by AP50, the second by AP"),
        ({"data": {"name": "xbd"}}, "the name of their data differs"),
        (
            {"data": {"fingerprint": "beef"}},
            "They differ in the content of the files",
        ),
    ],
)
def test_runs_that_measured_something_else_are_not_ranked_together(
    folder: Path, changes: dict[str, Any], told: str
) -> None:
    first, second = two_sweeps(folder)
    data = second.record.data.model_dump() | changes.get("data", {})
    edit(second.path / "run.json", **changes | {"data": data})
    with pytest.raises(analysis.AnalysisError, match=told):
        analysis.rank_runs([first, analysis.load(second.path)])


def test_metric_of_both_sweeps_can_be_named(folder: Path) -> None:
    first, second = two_sweeps(folder)
    edit(second.path / "run.json", metric="AP")
    assert analysis.rank_runs([first, analysis.load(second.path)], "AP").metric == "AP"


def test_arm_that_dropped_out_is_below_and_its_row_says_at_which_epoch(
    halved: analysis.Run,
) -> None:
    arms = analysis.rank_arms(halved)
    assert arms["backbone"].tolist() == ["a", "b", "c"]
    assert arms["epoch"].tolist() == ["6 of 6", "6 of 6", "2 of 6"]


def test_best_and_median_are_over_trials_that_were_trained_as_far(halved: analysis.Run) -> None:
    arms = analysis.rank_arms(halved)
    assert arms["best"].tolist() == [0.5, 0.4, 0.6]
    assert arms["median"].tolist() == pytest.approx([0.5, 0.4, 0.525])
    assert arms[["n", "finished"]].to_numpy().tolist() == [[3, 1], [1, 1], [3, 0]]


def test_arm_that_dropped_out_is_not_compared_whatever_was_tested_of_it(
    halved: analysis.Run,
) -> None:
    ranking = analysis.rank_runs([halved])
    assert ranking.frame["tied"].notna().tolist() == [False, True, False]
    assert ranking.frame["difference"].notna().tolist() == [False, True, False]
    assert ranking.uncertainty.unknown == {2: "it dropped out at epoch 2 of 6"}


def test_nothing_is_compared_with_a_first_arm_that_dropped_out(halved: analysis.Run) -> None:
    for number in (0, 1):
        edit(trial_file(halved.path, number), status="pruned", epochs=[{"epoch": 1, "mIoU": 0.1}])
    ranking = analysis.rank_runs([analysis.load(halved.path)])
    assert ranking.titles[0] == "c"
    assert "tied" not in ranking.frame
    assert len(ranking.unfinished) == 3


def test_arm_with_repeats_has_finished_trainings(halved: analysis.Run) -> None:
    of = halved.directory.trials()[2]
    halved.directory.write_training(trial_record(0, of.arm, 0.3, of=of, config={"seed": 7}))
    arms = analysis.rank_arms(analysis.load(halved.path))
    assert arms["backbone"].tolist() == ["c", "a", "b"]
    assert "epoch" not in arms


def test_epoch_is_named_also_where_only_another_sweep_has_an_arm_that_dropped_out(
    halved: analysis.Run, tmp_path: Path
) -> None:
    other = make_run(tmp_path / "other", [stopped({"backbone": "d"}, [0.2, 0.45], of=2)])
    frame = analysis.rank_runs([other, halved]).frame
    assert frame["backbone"].tolist() == ["a", "d", "b", "c"]
    assert frame["epoch"].tolist() == ["6 of 6", "2 of 2", "6 of 6", "2 of 6"]


def test_paused_trial_counts_as_unfinished(halved: analysis.Run) -> None:
    edit(trial_file(halved.path, 3), status="waiting")
    edit(trial_file(halved.path, 6), status="running")
    assert analysis.rank_arms(analysis.load(halved.path))["unfinished"].tolist() == [2, 0, 0]
