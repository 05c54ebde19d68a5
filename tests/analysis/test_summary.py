import json
from pathlib import Path

import pytest

import analysis


def shown(folder: Path, **options: object) -> str:
    return analysis.show_ranking(analysis.load(folder), width=1000, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("trials", [False, True])
@pytest.mark.parametrize("format", ["text", "markdown", "csv", "latex"])
def test_scores_on_the_sample_are_marked_in_every_format(
    folder: Path, format: str, trials: bool
) -> None:
    assert "SAMPLE" in shown(folder, format=format, trials=trials)
    run = folder / "run.json"
    run.write_text(json.dumps(json.loads(run.read_text()) | {"sample": False}))
    assert "SAMPLE" not in shown(folder, format=format, trials=trials)


def test_title_says_what_was_run(folder: Path) -> None:
    title = shown(folder).splitlines()[0]
    assert title == "landslide_backbones: AP50 on landslide4sense, 6 trials, seed 0"


def test_what_the_table_lacks_is_said_below_it(folder: Path) -> None:
    below = shown(folder)
    assert "Selected on validation, reported on test" in below
    assert "Left out: efficientnet_b0 · distillation (no teacher weights)." in below
    assert "without a trial: efficientnet_b0 · mae." in below
    assert "Failed (CUDA out of memory [1.2 GiB]): 002-vit_small" in below
    assert "Diverged (the loss is nan): 004-resnet18-imagenet." in below
    assert "1 trial unfinished: continue with --resume." in below


def test_skipped_arm_is_not_also_called_untried(folder: Path) -> None:
    file = folder / "run.json"
    run = json.loads(file.read_text())
    run["arms"].append(run["skipped"][0]["arm"])
    file.write_text(json.dumps(run))
    assert shown(folder).count("efficientnet_b0 · distillation") == 1


def test_reader_is_told_which_trials_were_tested(folder: Path) -> None:
    assert "best trial by AP50" not in shown(folder)
    assert "Tested was each arm's best trial by AP50" in shown(folder, metric="AP")
    (folder / "test.json").unlink()
    assert "No test scores yet" in shown(folder)
