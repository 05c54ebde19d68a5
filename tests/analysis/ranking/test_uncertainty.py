"""What the text under a ranking says of its statistics, and where it says that there are none."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import analysis
from runs.directory import RunDirectory
from runs.records import TestRecord
from runs.tallies import read_tally, write_tally
from tests.analysis.tallied import tally_detections

SWIN, RESNET = "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k · mae", "resnet18 · imagenet"


def below(run: analysis.Run, format: str = "text") -> str:
    return " ".join(analysis.show_ranking(run, width=1000, format=format).split())  # type: ignore[arg-type]


def tallies(run: analysis.Run, arm: str) -> list[Path]:
    return sorted(run.path.glob(f"*/{arm}*/test.npz"))


def test_what_was_tested_is_told(repeated: Path) -> None:
    told = below(tally_detections(repeated))
    assert "by a bootstrap over the 40 test images (2000 resamples" in told
    assert "for other seeds by the variance between seeds" in told
    assert "difference of mean AP50, with the errors of the images, the same for both" in told
    assert "The variance between seeds is pooled" in told
    assert "corrected for" not in told  # one comparison
    assert "Seed noise" not in told


def test_without_repeats_seed_noise_was_not_measured(folder: Path) -> None:
    told = below(tally_detections(folder))
    assert "the same for both: p ≥ 0.05" in told
    assert "Seed noise was not measured" in told


def test_arm_without_repeats_is_compared_and_the_reader_told_how(repeated: Path) -> None:
    tally_detections(repeated)
    for name in repeated.glob("repeats/000-*"):
        shutil.rmtree(name)
    run = analysis.load(repeated)
    assert analysis.rank_arms(run)["tied"].notna().tolist() == [False, True, False]
    assert "An arm with one seed is assumed to vary between seeds as the others do." in below(run)


def test_few_images_are_said_to_be_too_few(repeated: Path) -> None:
    run = tally_detections(repeated, images=19)
    assert not {"ci_low", "p", "tied"} & set(analysis.rank_arms(run))
    told = below(run)
    assert f"No arm can be compared with the first one, {RESNET}: 19 test images, and 20" in told
    assert "p ≥" not in told


@pytest.mark.parametrize("change", ["missing", "elsewhere"])
def test_arm_that_cannot_be_compared_is_named(repeated: Path, change: str) -> None:
    run = tally_detections(repeated)
    for file in tallies(run, "000"):
        if change == "missing":
            file.unlink()
        else:
            tally = read_tally(file)
            write_tally(file, replace(tally, names=np.char.add(tally.names, "b")))
    told = below(run)
    reason = {"missing": "its test images were not tallied", "elsewhere": "tested on other images"}
    assert f"Not compared with the first arm ({reason[change]}): {SWIN}." in told
    assert "tied" not in analysis.rank_arms(run)


def test_arm_that_is_better_on_test_than_the_chosen_one_is_named(repeated: Path) -> None:
    run = tally_detections(repeated, errors={"001": 9.0})
    assert f"On test, {SWIN} has a higher AP50 than the arm chosen on validation" in below(run)
    assert analysis.rank_arms(run)["tied"].tolist()[1] is False


def test_ties_are_marked_in_every_format(repeated: Path) -> None:
    run = tally_detections(repeated)
    score = f"{analysis.rank_arms(run)['test'][1]:.4f}"
    assert rf"\underline{{{score}}}" in analysis.show_ranking(run, format="latex")
    assert f"<u>{score}</u>" in analysis.show_ranking(run, format="markdown")
    rows = [line.split() for line in analysis.show_ranking(run, width=250).splitlines()]
    assert [row[-9] for row in rows if row[:1] in (["1"], ["2"])] == ["first", "="]
    csv = analysis.show_ranking(run, format="csv").splitlines()
    assert csv[0].split(",")[6:14] == [
        *["test", "std", "seeds", "ci_low", "ci_high", "difference", "p", "tied"]
    ]
    assert csv[2].split(",")[13] == "True"


def test_spread_and_bounds_are_those_of_the_frame(repeated: Path) -> None:
    run = tally_detections(repeated)
    row = analysis.rank_arms(run).iloc[0]
    told = below(run)
    assert f"{row['test']:.4f} {row['std']:.4f} (3) [{row['ci_low']:.3f}, " in told


def test_first_arm_without_a_test_score_is_compared_with_none(repeated: Path) -> None:
    run = tally_detections(repeated)
    scores = {name: one for name, one in run.test.items() if not name.startswith("001")}
    RunDirectory(repeated).write_test(TestRecord(scores=scores))
    told = below(analysis.load(repeated))
    assert f"No arm can be compared with the first one, {RESNET}: it was not tested." in told
