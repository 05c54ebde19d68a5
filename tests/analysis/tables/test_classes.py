import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from runs.factory import trial_record, write_run

METRICS = ["mIoU", "accuracy", "IoU/road", "recall/road", "IoU/water", "recall/water"]
ARMS = [{"backbone": "swin_t", "class_weights": w} for w in ("none", "inverse", "median_frequency")]
NAMES = ["000-swin_t-none", "001-swin_t-inverse", "002-swin_t-none", "003-swin_t-median_frequency"]

TRIALS: list[tuple[int, list[list[float | None]]]] = [
    (0, [[0.3, 0.9, 0.2, 0.4, 0.4, 0.5]]),
    (1, [[0.5, 0.8, 0.4, 0.5, 0.6, 0.7], [0.4, 0.9, 0.9, 0.9, 0.9, 0.9]]),
    (0, [[0.4, 0.8, 0.1, 0.3, 0.7, None]]),
    (2, [[0.9, 0.9, 0.9, 0.9, 0.9, 0.9]]),
]
"""Arm, then a row an epoch of METRICS. The last trial failed, whatever its epoch says."""


@pytest.fixture
def segmented(tmp_path: Path) -> Path:
    """A segmentation sweep of four trials and two classes; one arm is tested."""
    trials = [
        trial_record(
            number,
            ARMS[arm],
            None if arm == 2 else epochs[0][0],
            config={"lr": 0.1, "frozen": False},
            tuned=["lr"],
            epochs=[
                {"epoch": epoch, **dict(zip(METRICS, row, strict=True))}
                for epoch, row in enumerate(epochs, 1)
            ],
        )
        for number, (arm, epochs) in enumerate(TRIALS)
    ]
    return write_run(
        tmp_path / "landcover",
        trials,
        test={NAMES[1]: {"mIoU": 0.45, "IoU/road": 0.35, "IoU/water": 0.55}},
        name="landcover",
        metrics=METRICS,
        sample=True,
        arms=ARMS,
        data={"classes": ["road", "water"]},
    ).path


def test_rows_are_the_best_trial_of_each_arm_on_both_splits(segmented: Path) -> None:
    scores = analysis.class_scores(analysis.load(segmented))
    assert scores["trial"].tolist() == [NAMES[1]] * 4 + [NAMES[2]] * 2
    assert scores["arm/class_weights"].tolist() == ["inverse"] * 4 + ["none"] * 2
    assert scores["split"].tolist() == ["validation"] * 2 + ["test"] * 2 + ["validation"] * 2
    assert scores["class"].tolist() == ["road", "water"] * 3
    assert scores["IoU"].tolist() == [0.4, 0.6, 0.35, 0.55, 0.1, 0.7]
    assert scores["recall"].isna().tolist() == [False, False, True, True, False, True]


def test_one_trial_can_be_asked_for(segmented: Path) -> None:
    scores = analysis.class_scores(analysis.load(segmented), NAMES[0])
    assert scores["IoU"].tolist() == [0.2, 0.4]
    assert scores["split"].unique().tolist() == ["validation"]


@pytest.mark.parametrize(
    ("trial", "told"),
    [("001-swin-inverse", f"did you mean '{NAMES[1]}'?"), (NAMES[3], "has no score")],
)
def test_trial_that_has_no_scores_is_named(segmented: Path, trial: str, told: str) -> None:
    with pytest.raises(analysis.AnalysisError) as error:
        analysis.class_scores(analysis.load(segmented), trial)
    assert told in str(error.value)


def test_run_without_metrics_of_classes_says_so(folder: Path) -> None:
    with pytest.raises(analysis.AnalysisError, match="no metrics of single classes"):
        analysis.class_scores(analysis.load(folder))


def test_run_without_a_score_has_no_rows(segmented: Path) -> None:
    for file in segmented.glob("trials/*/trial.json"):
        file.unlink()
    assert analysis.class_scores(analysis.load(segmented)).empty
    assert "single classes on landcoverai" in analysis.show_classes(analysis.load(segmented))


def test_table_fits_and_repeats_nothing(segmented: Path) -> None:
    shown = analysis.show_classes(analysis.load(segmented), width=60)
    assert "SAMPLE" in shown
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 60
    head = next(at for at, line in enumerate(lines) if line.startswith("arm"))
    rows = [line.split() for line in lines[head + 2 : lines.index("", head)]]
    assert rows[0] == ["swin_t", "·", "inverse", "1", "validation", "road", "0.4000", "0.5000"]
    assert rows[1] == ["water", "0.6000", "0.7000"]
    assert rows[2] == ["test", "road", "0.3500", "–"]
    assert f"Without scores on test: {NAMES[2]}." in " ".join(shown.split())


def test_every_trial_of_the_table_says_its_split(segmented: Path) -> None:
    (segmented / "test.json").unlink()
    shown = analysis.show_classes(analysis.load(segmented))
    assert shown.split().count("validation") == 2


def test_best_of_a_class_and_split_is_bold(segmented: Path) -> None:
    shown = analysis.show_classes(analysis.load(segmented), format="markdown")
    bold = {cell for cell in shown.split() if cell.startswith("**0.")}
    assert bold == {f"**{score}**" for score in ("0.4000", "0.7000", "0.3500", "0.5500", "0.5000")}
    assert "**0." not in analysis.show_classes(
        analysis.load(segmented), trial=NAMES[1], format="markdown"
    )


def test_csv_has_the_factors_and_repeats_them_in_every_row(segmented: Path) -> None:
    written = analysis.show_classes(analysis.load(segmented), format="csv")
    read = pd.read_csv(io.StringIO(written), keep_default_na=False)
    assert read.columns.tolist()[:5] == ["trial", "backbone", "class_weights", "split", "class"]
    assert set(read["class_weights"]) == {"inverse", "none"}
    assert set(read["sweep"]) == {"landcover"}


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
def test_ranked_trials_show_overall_metrics_and_the_one_ranked_by(
    segmented: Path, format: Any
) -> None:
    run = analysis.load(segmented)
    shown = analysis.show_ranking(run, trials=True, format=format, width=1000)
    assert "accuracy" in shown
    assert "IoU/" not in shown
    assert "python -m analysis classes" in shown
    by_class = analysis.show_ranking(run, trials=True, metric="IoU/road", format=format, width=1000)
    assert "0.2000" in by_class  # of trial 0
    assert "0.2000" not in shown
    assert "IoU/water" not in by_class


def test_csv_of_trials_has_every_metric(segmented: Path) -> None:
    written = analysis.show_ranking(analysis.load(segmented), trials=True, format="csv")
    assert set(METRICS) <= set(written.splitlines()[0].split(","))


def test_arms_can_be_ranked_by_a_metric_of_one_class(segmented: Path) -> None:
    arms = analysis.rank_arms(analysis.load(segmented), "IoU/road")
    assert arms["best"].tolist()[:2] == [0.9, 0.2]
    assert arms["test"].tolist()[0] == 0.35


def test_arm_that_dropped_out_is_named_and_never_the_best_of_a_class(halved: analysis.Run) -> None:
    told = analysis.show_classes(halved, format="markdown")
    assert "not compared on test: c (epoch 2 of 6)" in told
    assert "**0.5000**" in told
    assert "**0.6000**" not in told
