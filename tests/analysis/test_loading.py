import json
from pathlib import Path

import pandas as pd
import pytest

import analysis
from runs.arms import Arm
from runs.directory import RunDirectory, RunDirectoryError
from runs.factory import trial_record
from runs.records import StageRecord
from tests.analysis.made import edit, make_run, stopped, trial, trial_file


def test_tables_hold_every_trial_and_epoch_of_the_files(folder: Path) -> None:
    run = analysis.load(folder)
    records = [json.loads(file.read_text()) for file in sorted(folder.glob("trials/*/trial.json"))]
    assert run.trials["number"].tolist() == [record["number"] for record in records]
    assert run.trials["epochs"].tolist() == [len(record["epochs"]) for record in records]
    assert run.trials["config/lr"].tolist() == [record["config"]["lr"] for record in records]
    curve = run.epochs[run.epochs["number"] == 0]
    assert curve["epoch"].tolist() == [1, 2, 3]
    assert curve["AP50"].tolist() == [0.2, 0.5, 0.4]
    assert run.epochs["AP50"].isna().sum() == 1  # the null of the diverged trial


def test_trials_are_in_the_order_of_their_numbers_not_of_their_folders(folder: Path) -> None:
    edit(trial_file(folder, 0), number=1000)
    run = analysis.load(folder)
    assert run.trials["number"].tolist() == [1, 2, 3, 4, 5, 1000]
    assert run.epochs["number"].drop_duplicates().tolist() == [1, 2, 3, 4, 5, 1000]


def test_sweep_without_trials_is_a_run(folder: Path) -> None:
    for file in folder.glob("trials/*/trial.json"):
        file.unlink()
    run = analysis.load(folder)
    assert run.trials.empty
    assert analysis.rank_arms(run).empty
    assert "without a trial: swin" in analysis.show_ranking(run)


def test_row_of_epoch_zero_is_no_epoch_of_training(folder: Path) -> None:
    rows = [{"epoch": 0, "AP50": 0.3, "AP": 0.1}]
    edit(trial_file(folder, 0), epochs=rows, score=0.3, best_epoch=0)
    run = analysis.load(folder)
    assert run.trials[["epochs", "best_epoch"]].iloc[0].tolist() == [0, 0]
    trial = analysis.rank_trials(run).query("number == 0").iloc[0]
    assert trial[["AP50", "best_epoch", "epochs"]].tolist() == [0.3, 0, 0]
    assert analysis.rank_arms(run)["epochs"].tolist() == [5, 1, 1]


def test_parameters_are_missing_where_a_trial_does_not_have_them(folder: Path) -> None:
    edit(trial_file(folder, 1), parameters=11_000_000)
    edit(trial_file(folder, 2), parameters=None)
    parameters = analysis.load(folder).trials["parameters"]
    assert parameters.dtype == "Int64"
    assert parameters.isna().tolist() == [False, False, True, False, False, False]
    assert parameters[1] == 11_000_000


def test_time_of_an_epoch_keeps_its_fractions_of_a_second(folder: Path) -> None:
    epoch = {"epoch": 1, "AP50": 0.3, "AP": 0.1, "time": 1795272392.0625}
    edit(trial_file(folder, 0), epochs=[epoch])
    epochs = analysis.load(folder).epochs
    assert epochs.loc[epochs["number"] == 0, "time"].tolist() == [1795272392.0625]


def test_keys_that_only_some_epochs_have_are_missing_in_the_others(folder: Path) -> None:
    first = [{"epoch": 1, "lr": 0.1, "AP50": 0.3}, {"epoch": 2, "AP": 0.2, "loss/dice": 3, "lr": 0}]
    second = [{"loss/focal": 0.5, "AP50": 0.4, "epoch": 1}]
    edit(trial_file(folder, 2), epochs=first)
    edit(trial_file(folder, 3), epochs=second)
    epochs = analysis.load(folder).epochs.query("number in [2, 3]").reset_index(drop=True)
    found = epochs.drop(columns="number").dropna(axis="columns", how="all")
    written = pd.DataFrame(first + second)
    pd.testing.assert_frame_equal(found, written, check_like=True, check_dtype=False)
    assert epochs["number"].tolist() == [2, 2, 3]


def test_run_of_which_nothing_is_trained_yet_has_whole_numbers_for_numbers(folder: Path) -> None:
    for file in folder.glob("trials/*/trial.json"):
        edit(file, epochs=[], score=None, best_epoch=None)
    run = analysis.load(folder)
    assert run.trials["epochs"].tolist() == [0] * 6
    assert run.epochs.empty
    assert run.epochs.dtypes.to_dict() == {
        "number": "int64",
        "epoch": "int64",
        "AP50": "float64",
        "AP": "float64",
    }


def test_repeats_are_trials_by_arm_and_seed(repeated: Path) -> None:
    run = analysis.load(repeated)
    assert run.repeats.columns.tolist() == [*run.trials.columns, "of", "seed"]
    swin, resnet = run.trials["name"][:2]
    assert run.repeats["of"].tolist() == [swin] * 3 + [resnet] * 3
    assert run.repeats["name"].tolist()[0] == f"{swin}-seed1"
    assert run.repeats["seed"].tolist() == [1, 2, 3, 1, 2, 3]
    assert run.repeats["score"].tolist() == [0.4, 0.5, 0.6, 0.45, 0.55, 0.65]
    assert run.repeats["arm/backbone"].unique().tolist() == run.trials["arm/backbone"][:2].tolist()
    assert run.repeats["parameters"].tolist() == [11_000_000] * 6


def test_repeats_are_neither_trials_nor_epochs_of_the_search(repeated: Path) -> None:
    run = analysis.load(repeated)
    assert run.trials["number"].tolist() == [0, 1, 2, 3, 4, 5]
    assert run.epochs["number"].unique().tolist() == [0, 1, 2, 3, 4, 5]


def test_latency_among_the_scores_of_an_earlier_version_is_read(repeated: Path) -> None:
    run = analysis.load(repeated)
    assert [run.test[name]["latency_ms"] for name in run.repeats["name"]] == [7.5] * 6


def test_run_without_repeats_has_their_columns(folder: Path) -> None:
    run = analysis.load(folder)
    assert run.repeats.empty
    assert run.repeats.columns.tolist() == [*run.trials.columns, "of", "seed"]


def test_repeat_of_an_unknown_trial_is_refused(repeated: Path) -> None:
    (file,) = repeated.glob("repeats/001-*-seed2/trial.json")
    edit(file, of="042-vgg16-mae")
    with pytest.raises(analysis.AnalysisError, match="seed2 repeats 042-vgg16-mae, which is not"):
        analysis.load(repeated)


@pytest.mark.parametrize("file", ["trials/003-*", "repeats/001-*-seed2"])
def test_training_of_an_unknown_arm_is_refused(repeated: Path, file: str) -> None:
    (folder,) = repeated.glob(file)
    edit(folder / "trial.json", arm={"backbone": "vgg16", "pretraining": "mae"})
    with pytest.raises(analysis.AnalysisError, match=r"arm that run\.json does not list: vgg16"):
        analysis.load(repeated)


def test_truncated_file_is_named(folder: Path) -> None:
    file = trial_file(folder, 3)
    file.write_text(file.read_text()[:-20])
    with pytest.raises(RunDirectoryError, match=r"003-swin.*trial\.json is damaged"):
        analysis.load(folder)


def test_stage_of_an_unknown_arm_is_refused(folder: Path) -> None:
    arm = Arm({"backbone": "vgg16", "pretraining": "mae"})
    stage = StageRecord(name="mae-1", kind="mae", seconds=1, device="cpu", arms=(arm,))
    RunDirectory(folder).write_stages([stage])
    with pytest.raises(analysis.AnalysisError, match=r"mae-1 is for vgg16 · mae, which run\.json"):
        analysis.load(folder)


def test_arms_of_one_title_are_told_apart(tmp_path: Path) -> None:
    arms = [{"pretraining": "none", "rate": 1}, {"pretraining": "none", "rate": "1"}]
    run = make_run(tmp_path / "run", [trial(arms[1], 0.3), trial(arms[0], 0.5)], arms=arms)
    assert run.trials["arm"].tolist() == [1, 0]
    assert analysis.rank_runs([run]).arms == ((0, 0), (0, 1))


def test_share_that_was_trained_is_a_column_of_trials_and_repeats(tmp_path: Path) -> None:
    arm = {"backbone": "a"}
    trials = [
        stopped(arm, [0.1] * 6),
        stopped(arm, [0.1, 0.2, 0.3]),
        stopped(arm, [0.1, 0.2, 0.3], status="diverged"),
        stopped(arm, [], status="waiting"),
    ]
    run = make_run(tmp_path / "run", trials)
    of = run.directory.trials()[0]
    repeat = trial_record(0, of.arm, 0.2, of=of, config={"epochs": 4}, status="running")
    run.directory.write_training(repeat)
    run = analysis.load(run.path)
    assert run.trials["reached"].tolist() == pytest.approx([1, 1 / 2, 1 / 3, 0])
    assert run.repeats["reached"].tolist() == [0.25]
