from pathlib import Path

import analysis
from analysis.report.question import question
from tests.analysis.made import make_run, trial


def test_skipped_arms_are_part_of_the_question(folder: Path) -> None:
    facts = dict(question(analysis.load(folder)).facts)
    assert facts["skipped"].startswith("efficientnet_b0 · distillation: no teacher weights")


def test_a_setting_with_one_choice_was_not_searched(tmp_path: Path) -> None:
    tune = {"lr": {"choice": [0.1]}, "loss": {"choice": ["dice", "focal"]}}
    config = {"lr": 0.1, "loss": "dice"}
    run = make_run(tmp_path / "run", [trial({"head": "fpn"}, 0.5, config)], tune=tune)
    assert run.tuned == ("loss",)
    assert dict(question(run).facts)["searched"].startswith("loss within every arm")


def test_that_scenes_were_counted_is_part_of_the_question(tmp_path: Path) -> None:
    arms = [trial({"head": "fpn"}, 0.5)]
    over_scenes = make_run(tmp_path / "scenes", arms, metric_over="scenes")
    assert "stitched" in dict(question(over_scenes).facts)["counted"]
    assert "counted" not in dict(question(make_run(tmp_path / "tiles", arms)).facts)
