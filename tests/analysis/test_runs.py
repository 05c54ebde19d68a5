import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def trial_file(folder: Path, number: int) -> Path:
    (file,) = folder.glob(f"trials/{number:03d}-*/trial.json")
    return file


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


def test_provenance_is_kept_as_it_is_written(folder: Path) -> None:
    assert dict(analysis.load(folder).info)["versions"] == {"torch": "2.0"}


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


def test_parameters_are_missing_where_no_trial_says_them(folder: Path) -> None:
    edit(trial_file(folder, 1), parameters=11_000_000)
    edit(trial_file(folder, 2), parameters=None)
    parameters = analysis.load(folder).trials["parameters"]
    assert parameters.dtype == "Int64"
    assert parameters.isna().tolist() == [True, False, True, True, True, True]
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


def test_scores_of_repeats_on_test_come_with_their_latency(repeated: Path) -> None:
    run = analysis.load(repeated)
    assert [run.test[name]["latency_ms"] for name in run.repeats["name"]] == [7.5] * 6


def test_run_without_repeats_has_their_columns(folder: Path) -> None:
    run = analysis.load(folder)
    assert run.repeats.empty
    assert run.repeats.columns.tolist() == [*run.trials.columns, "of", "seed"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"of": "042-vgg16-mae"}, "repeats 042-vgg16-mae, which is no trial of the run."),
        ({"of": None}, "trial.json is damaged (of: "),
        ({"config": {"lr": 0.1}}, "is a repeat whose config has no seed."),
        ({"arm": {"backbone": "vgg16"}}, "an arm that run.json does not list"),
    ],
)
def test_repeat_that_does_not_fit_is_refused(
    repeated: Path, changes: dict[str, Any], told: str
) -> None:
    (file,) = repeated.glob("repeats/001-*-seed2/trial.json")
    edit(file, **changes)
    with pytest.raises(analysis.AnalysisError) as error:
        analysis.load(repeated)
    assert told in str(error.value)
    assert "001-resnet18-imagenet-seed2" in str(error.value)


def test_truncated_repeat_is_named(repeated: Path) -> None:
    (file,) = repeated.glob("repeats/001-*-seed2/trial.json")
    file.write_text(file.read_text()[:-20])
    with pytest.raises(analysis.AnalysisError, match=r"imagenet-seed2.*trial\.json is damaged"):
        analysis.load(repeated)


def test_truncated_trial_is_named(folder: Path) -> None:
    file = trial_file(folder, 3)
    file.write_text(file.read_text()[:-20])
    with pytest.raises(analysis.AnalysisError, match=r"003-swin.*trial\.json is damaged"):
        analysis.load(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "lost"}, "trial.json is damaged (status: "),
        ({"epochs": [{"epoch": 1, "AP50": "high"}]}, "trial.json is damaged (epochs.0.AP50: "),
        ({"epochs": [{"AP50": 0.5}]}, "damaged (epochs: one of them has no number)"),
        ({"arm": {"backbone": "vgg16"}}, "an arm that run.json does not list"),
        ({"number": 4}, "one trial number twice: 003-swin"),
        ({"device": 0}, "trial.json is damaged (device: "),
    ],
)
def test_trial_that_does_not_fit_is_refused(
    folder: Path, changes: dict[str, Any], told: str
) -> None:
    edit(trial_file(folder, 3), **changes)
    with pytest.raises(analysis.AnalysisError) as error:
        analysis.load(folder)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metric": "mIoU"}, "ranks by mIoU, which its metrics do not list"),
        ({"factors": ["backbone", "neck"]}, "lists an arm without neck"),
        ({"sample": None}, "run.json is damaged (sample: "),
        ({"cost": {"usd_per_hour": -1}}, "run.json is damaged (cost.usd_per_hour: "),
        ({"cost": {"usd_per_hour": 3}}, "gives a cost, but no slots.per_machine"),
        ({"slots": {"per_machine": 0}}, "run.json is damaged (slots.per_machine: "),
        ({"repeats": {"top": 3}}, "run.json is damaged (repeats.seeds: "),
        ({"references": {"rows": []}}, "run.json is damaged (references.source: "),
        (
            {
                "references": {
                    "source": "",
                    "note": "",
                    "rows": [{"arm": {"neck": 1}, "scores": {}}],
                }
            },
            "a reference row with neck, which is no factor of it",
        ),
    ],
)
def test_run_json_that_contradicts_itself_is_refused(
    folder: Path, changes: dict[str, Any], told: str
) -> None:
    edit(folder / "run.json", **changes)
    with pytest.raises(analysis.AnalysisError) as error:
        analysis.load(folder)
    assert told in str(error.value)


def test_stage_of_an_unknown_arm_is_refused(folder: Path) -> None:
    stage = {"name": "mae-1", "kind": "mae", "seconds": 1.0, "device": None, "arms": ["vgg16-mae"]}
    (folder / "stages.json").write_text(json.dumps([stage]))
    with pytest.raises(
        analysis.AnalysisError, match=r"stages\.json says that mae-1 is for vgg16-mae"
    ):
        analysis.load(folder)
