from pathlib import Path

import pytest

import analysis
from runs.directory import RunDirectory
from runs.records import ArmStop, TestRecord
from tests.analysis.made import edit, trial_file


def shown(folder: Path, **options: object) -> str:
    return analysis.show_ranking(analysis.load(folder), width=1000, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("trials", [False, True])
@pytest.mark.parametrize("format", ["text", "markdown", "csv", "latex"])
def test_scores_on_the_sample_are_marked_in_every_format(
    folder: Path, format: str, trials: bool
) -> None:
    assert "SAMPLE" in shown(folder, format=format, trials=trials)
    edit(folder / "run.json", sample=False)
    assert "SAMPLE" not in shown(folder, format=format, trials=trials)


def test_title_says_what_was_run(folder: Path) -> None:
    title = shown(folder).splitlines()[0]
    assert title == "landslide_backbones: AP50 on landslide4sense, 6 trials, seed 0"


def test_what_the_table_lacks_is_said_below_it(folder: Path) -> None:
    below = shown(folder)
    assert "Selected on validation, reported on test" in below
    assert "Left out: efficientnet_b0 · distillation: no teacher weights." in below
    assert "without a trial: efficientnet_b0 · mae." in below
    assert "Failed (CUDA out of memory [1.2 GiB]): 002-vit_small" in below
    assert "Diverged (the loss is nan): 004-resnet18-imagenet." in below
    assert "1 trial unfinished: continue with --resume." in below


def test_skipped_arm_is_not_also_called_untried(folder: Path) -> None:
    record = analysis.load(folder).record
    arms = [dict(arm) for arm in (*record.arms, record.skipped[0].arm)]
    edit(folder / "run.json", arms=arms, weights=[None] * len(arms), costs=[1] * len(arms))
    assert shown(folder).count("efficientnet_b0 · distillation") == 1


def test_reader_is_told_which_trials_were_tested(folder: Path) -> None:
    assert "best trial by AP50" not in shown(folder)
    assert "Tested was each arm's best trial by AP50" in shown(folder, metric="AP")
    (folder / "test.json").unlink()
    assert "No test scores yet" in shown(folder)


def test_repeat_that_failed_is_named_and_not_counted(repeated: Path) -> None:
    file = next(repeated.glob("repeats/000-*seed2/trial.json"))
    edit(file, status="failed", reason="CUDA out of memory", score=None, best_epoch=None)
    directory = RunDirectory(repeated)
    tested = dict(directory.test().scores)
    del tested[file.parent.name]
    directory.write_test(TestRecord(scores=tested))
    told = shown(repeated)
    assert f"Failed (CUDA out of memory): {file.parent.name}." in told
    assert "0.1414 (2)" in told  # of the two that were tested


def test_what_the_repeats_took_is_told(repeated: Path) -> None:
    assert "6 repeats took 30 s; n and the columns of effort leave them out." in shown(repeated)


def test_by_another_metric_it_is_said_what_was_repeated(repeated: Path) -> None:
    told = shown(repeated, metric="AP")
    assert "Tested and repeated was each arm's best trial by AP50" in told


def test_arms_with_repeats_fit_into_a_hundred_columns(repeated: Path) -> None:
    run = analysis.load(repeated)
    lines = analysis.show_ranking(run, width=100).splitlines()
    assert max(map(len, lines)) <= 100
    assert any("± (seeds)" in line for line in lines)


def test_who_dropped_out_when_and_how_to_prevent_it_is_said_below(halved: analysis.Run) -> None:
    told = analysis.show_ranking(halved, width=1000)
    assert (
        "Dropped out before the end of training, and not compared on test: c (epoch 2 of 6)" in told
    )
    assert "scheduler.finish=1" in told
    assert "trained to the end (finished of n), or to the epoch in the arm's row" in told


def test_row_of_the_paper_table_says_at_which_epoch_an_arm_dropped_out(
    halved: analysis.Run,
) -> None:
    rows = analysis.show_paper_table([halved], format="markdown").splitlines()
    (row,) = [row for row in rows if row.startswith("| 3")]
    assert "| 2 of 6 |" in row


@pytest.mark.parametrize("trials", [False, True])
def test_score_of_a_stopped_training_is_never_in_bold(halved: analysis.Run, trials: bool) -> None:
    told = analysis.show_ranking(halved, format="markdown", trials=trials)
    assert "**0.5000**" in told
    assert not any(f"**{score}**" in told for score in ("0.5500", "0.6000", "0.7000"))


def test_what_was_stopped_by_hand_is_said(halved: analysis.Run) -> None:
    edit(trial_file(halved.path, 3), status="stopped", reason="by hand")
    arm = halved.record.arms[halved.trials["arm"][3]]
    RunDirectory(halved.path).write_stops([ArmStop(arm=arm, since=4)])
    told = shown(halved.path)
    assert f"Stopped by hand, with no more trials since: {arm.title}." in told
    assert "Stopped (by hand): 003-" in told


def test_paused_trials_are_unfinished(halved: analysis.Run) -> None:
    edit(trial_file(halved.path, 3), status="waiting")
    assert "1 trial unfinished: continue with --resume." in shown(halved.path)


def test_trials_that_were_tried_again_are_named(repeated: Path) -> None:
    file = next(repeated.glob("repeats/*/trial.json"))
    edit(file, retries=2, failed_with=[])
    told = shown(repeated)
    assert f"Resumed after a lost worker or file: {file.parent.name}." in told
    assert f"Failed at first, tried again with --retry-failed: {file.parent.name}." in told


def test_trials_that_ran_out_of_memory_are_named_with_what_sees_smaller_batches(
    repeated: Path,
) -> None:
    more, parts = sorted(repeated.glob("trials/*/trial.json"))[:2]
    edit(more, gpu=0.5, out_of_memory=1)
    edit(parts, gpu=1.0, out_of_memory=2, halved=1, normalised=["BatchNorm2d"])
    told = shown(repeated)
    assert f"because a slot's memory was too small: {more.parent.name}." in told
    what = "because a whole GPU was too small (BatchNorm2d normalises over a part)"
    assert f"{what}: {parts.parent.name}." in told


def test_a_share_alone_is_no_mark_of_memory(repeated: Path) -> None:
    edit(next(repeated.glob("trials/*/trial.json")), gpu=0.5)
    assert "too small" not in shown(repeated)
