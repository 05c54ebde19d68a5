"""A model card says what the files of the run say, and marks what they do not."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deploy.__main__ import main
from deploy.card import model_card
from runs.arms import Arm
from runs.records import TestRecord
from runs.tallies import PixelTally, write_tally


def test_before_test_was_scored_the_card_says_so(make_run: Callable[..., Any], capsys: Any) -> None:
    run = make_run()
    run.add("000-a", 0.625)
    assert main(["card", str(run.folder)]) == 0
    text = capsys.readouterr().out
    assert "| mIoU | 0.6250 | – |" in text
    assert "over its 4 images: not computed." in text
    assert "Trained on a synthetic sample" in text
    assert "initial weights: none (at random)" in text
    assert "| 1 | landslide | 8.00% |" in text
    assert text.count("\n```\n") == 3
    assert "\n```python\n" in text


def test_of_repeats_it_gives_mean_and_deviation(make_run: Callable[..., Any], capsys: Any) -> None:
    run = make_run()
    run.add("000-a", 0.9, weights=False)
    tests = {"000-a": {"mIoU": 0.1}}
    for seed, score in enumerate((0.4, 0.6)):
        run.add(f"000-a-seed{seed}", score, of="000-a", seed=seed)
        tests[f"000-a-seed{seed}"] = {"mIoU": score - 0.1}
    run.add("001-b", 0.8)
    run.add("001-b-seed9", 0.3, of="001-b", seed=9)
    tests["001-b-seed9"] = {"mIoU": 0.9}
    run.directory.write_test(TestRecord(scores=tests))
    assert main(["card", str(run.folder)]) == 0
    text = capsys.readouterr().out
    assert "| mIoU | 0.6000 | 0.5000 |" in text
    assert "2 other seeds, the same configuration has mIoU 0.4000 ± 0.1414 on test" in text


def test_the_initial_weights_are_those_of_the_arm(make_run: Callable[..., Any]) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    other = Arm({"backbone": "other"})
    record = run.directory.run()
    changes = {"arms": (other, *record.arms), "weights": ("mae-other", "mae-own"), "costs": (1, 1)}
    run.directory.write_run(record.model_copy(update=changes))
    assert "initial weights: stage `mae-own`" in model_card(run.folder, None)


def test_a_repeat_that_scores_zero_counts(make_run: Callable[..., Any]) -> None:
    run = make_run()
    run.add("000-a", 0.9)
    for seed in (0, 1):
        run.add(f"000-a-seed{seed}", 0.5, of="000-a", seed=seed)
    scores = {"000-a-seed0": {"mIoU": 0.0}, "000-a-seed1": {"mIoU": 0.5}}
    run.directory.write_test(TestRecord(scores=scores))
    assert "2 other seeds, the same configuration has mIoU 0.2500 ±" in model_card(run.folder, None)


def test_the_interval_is_of_the_tally(make_run: Callable[..., Any], capsys: Any) -> None:
    """Of 40 images, half of which miss a class: mIoU is the mean of 2/3, 1/2 and 1."""
    run = make_run()
    run.add("000-a", 0.6)
    confusion = np.zeros((40, 3, 3), dtype=np.int64)
    confusion[:, 0, 0] = confusion[:, 2, 2] = 50
    confusion[:20, 1, 1] = confusion[20:, 1, 0] = 50
    names = np.array([f"image{number}" for number in range(40)])
    write_tally(run.folder / "trials/000-a/test.npz", PixelTally(names, confusion, None))
    run.directory.write_test(TestRecord(scores={"000-a": {"mIoU": 13 / 18}}))
    assert main(["card", str(run.folder)]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("95 % interval"))
    low, high = (float(word) for word in line.split() if word.startswith("0."))
    assert 0.6 < low < (2 / 3 + 1 / 2 + 1) / 3 < high < 0.85


def test_a_damaged_file_of_scores_is_named(make_run: Callable[..., Any], capsys: Any) -> None:
    run = make_run()
    run.add("000-a", 0.6)
    (run.folder / "test.json").write_text('{"format": 2, "scores": 3}')
    assert main(["card", str(run.folder)]) == 2
    assert "test.json is damaged" in capsys.readouterr().err


def test_scores_of_whole_scenes_are_said_to_be(make_run: Callable[..., Any]) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    assert "whole scenes" not in model_card(run.folder, None)
    record = run.directory.run().model_copy(update={"metric_over": "scenes"})
    run.directory.write_run(record)
    assert "whole scenes" in model_card(run.folder, None)
