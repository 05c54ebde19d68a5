from itertools import product
from pathlib import Path

import pytest

import analysis
from analysis.statistics.effects import effects
from runs.arms import Scalar
from runs.factory import trial_record
from tests.analysis.made import Made, make_run, trial

BACKBONES = {"vgg11": 0.0, "swin": 0.2, "vit": -0.05}
STARTS = {"scratch": 0.0, "mae": 0.1}


def arm(backbone: str, start: str) -> dict[str, Scalar]:
    return {"backbone": backbone, "pretraining": start}


def additive(*without: tuple[str, str]) -> list[Made]:
    return [
        trial(arm(backbone, start), 0.4 + BACKBONES[backbone] + STARTS[start])
        for backbone, start in product(BACKBONES, STARTS)
        if (backbone, start) not in without
    ]


def test_full_grid_has_plain_means(tmp_path: Path) -> None:
    scores = {("vgg11", "scratch"): 0.3, ("vgg11", "mae"): 0.5}
    scores |= {("swin", "scratch"): 0.6, ("swin", "mae"): 0.4}
    run = make_run(tmp_path / "run", [trial(arm(*key), score) for key, score in scores.items()])
    found = effects(run)
    assert found.levels["level"].tolist() == ["vgg11", "swin", "scratch", "mae"]
    assert found.levels["mean"].tolist() == pytest.approx([0.4, 0.5, 0.45, 0.45])
    assert found.levels["effect"].tolist() == pytest.approx([-0.05, 0.05, 0, 0], abs=1e-12)
    assert found.levels["arms"].tolist() == [2, 2, 2, 2]
    # All of the four is interaction: ± 0.1 about the sum of effects.
    assert (found.residual, found.balanced, found.spare) == (pytest.approx(0.1), True, 1)


def test_left_out_arms_do_not_bias_the_effects(tmp_path: Path) -> None:
    # The plain mean of mae would be over the better backbones alone.
    found = effects(make_run(tmp_path / "run", additive(("vit", "mae"), ("vgg11", "mae"))))
    by_level = found.levels.set_index("level")
    assert by_level.loc["mae", "mean"] - by_level.loc["scratch", "mean"] == pytest.approx(0.1)
    assert by_level.loc["swin", "mean"] - by_level.loc["vit", "mean"] == pytest.approx(0.25)
    assert by_level["arms"].tolist() == [1, 2, 1, 3, 1]
    assert not found.balanced
    assert (found.residual, found.spare) == (pytest.approx(0, abs=1e-12), 0)


def test_effects_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trial(arm("vgg11", "mae"), 0.1), trial(arm("vit", "x"), 0.2)])
    with pytest.raises(analysis.AnalysisError, match="cannot tell the effects of backbone, pretr"):
        effects(run)


def test_one_arm_has_no_effects(tmp_path: Path) -> None:
    with pytest.raises(analysis.AnalysisError, match="no factor has two values"):
        effects(make_run(tmp_path / "run", [trial(arm("vgg11", "mae"), 0.1)]))


@pytest.mark.parametrize(
    ("repeated", "scores"), [(["vgg11", "vit"], [0.25, 0.45]), (["vit"], [0.3, 0.5])]
)
def test_means_over_repeats_count_where_every_arm_has_some(
    tmp_path: Path, repeated: list[str], scores: list[float]
) -> None:
    arms = {"vgg11": 0.3, "vit": 0.5}
    run = make_run(
        tmp_path / "run", [trial({"backbone": name}, score) for name, score in arms.items()]
    )
    for number, (of, seed) in enumerate(product(run.directory.trials(), (1, 2))):
        if of.arm["backbone"] in repeated:
            score = (of.score or 0) - 0.1 * (seed - 1)
            config = {"seed": seed}
            run.directory.write_training(trial_record(number, of.arm, score, of=of, config=config))
    found = effects(analysis.load(run.path))
    assert found.scores["score"].tolist() == pytest.approx(scores)
    assert found.repeated == (len(repeated) == 2)


def test_arm_that_dropped_out_has_no_part_in_the_effects(halved: analysis.Run) -> None:
    found = effects(halved)
    assert found.scores["score"].tolist() == [0.5, 0.4]
    assert found.levels["level"].tolist() == ["a", "b"]
    assert found.left_out == (2,)
