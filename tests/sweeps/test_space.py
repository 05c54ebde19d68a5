"""From a sweep to flat configurations: variants are expanded, and only what has an effect tuned."""

from collections.abc import Callable

import pytest

from datasets.augment import PRESETS
from models.heads.options import SegmenterOptions
from sweeps.schema import Sweep
from sweeps.space import arms_of, complete, options_of, same_config, settings_of, tuned_in

MakeSweep = Callable[..., Sweep]
VARIANTS = {
    "start": {
        "untrained": {"pretraining": "scratch", "epochs": 0},
        "gentle": {"pretraining": "mae", "lr": 1e-5, "frozen": True},
        "plain": {"pretraining": "scratch"},
    }
}


def with_variants(make_sweep: MakeSweep) -> Sweep:
    return make_sweep(
        compare={"backbone": ["test_vit"], "start": ["untrained", "gentle", "plain"]},
        variants=VARIANTS,
        scheduler={"name": "none"},
    )


def test_a_variant_goes_before_what_is_tuned_and_the_defaults(make_sweep: MakeSweep) -> None:
    sweep = with_variants(make_sweep)
    untrained, gentle, plain = (complete(sweep, arm) for arm in arms_of(sweep))
    assert (untrained["epochs"], gentle["epochs"], plain["epochs"]) == (0, 9, 9)
    assert (gentle["lr"], plain["lr"]) == (1e-5, 1e-3)
    assert (gentle["frozen"], plain["frozen"]) == (True, False)
    assert [c["start"] for c in (untrained, gentle, plain)] == ["untrained", "gentle", "plain"]


def test_only_what_an_arm_leaves_open_is_tuned_in_it(make_sweep: MakeSweep) -> None:
    sweep = with_variants(make_sweep)
    tuned = [tuned_in(sweep, arm) for arm in arms_of(sweep)]
    assert tuned == [[], ["loss_weights.roi_box"], ["lr", "loss_weights.roi_box"]]


def segmentation(make_sweep: MakeSweep) -> Sweep:
    return make_sweep(
        task="segmentation",
        metric="mIoU",
        compare={"backbone": ["test_vit"], "loss": ["cross_entropy", "bce + dice"]},
        tune={"lr": {"log_uniform": [1e-4, 1e-2]}, "loss_weights.dice": {"uniform": [0.5, 2]}},
        fixed={"pretraining": "scratch", "class_weights": [1, 2.5]},
    )


def test_weight_of_a_term_is_tuned_where_the_arms_loss_has_it(make_sweep: MakeSweep) -> None:
    sweep = segmentation(make_sweep)
    plain, dice = arms_of(sweep)
    assert tuned_in(sweep, plain) == ["lr"]
    assert tuned_in(sweep, dice) == ["lr", "loss_weights.dice"]
    assert "loss_weights.dice" not in complete(sweep, plain)
    assert complete(sweep, dice)["loss_weights.dice"] == 1.25


def test_a_list_of_class_weights_is_one_flat_value(make_sweep: MakeSweep) -> None:
    sweep = segmentation(make_sweep)
    arm = arms_of(sweep)[0]
    options = options_of(sweep, arm)
    assert isinstance(options, SegmenterOptions)
    assert options.class_weights == complete(sweep, arm)["class_weights"] == "1, 2.5"
    assert settings_of(sweep, arm).backbone == "test_vit"


def test_strengths_are_those_of_the_level_unless_they_are_named(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_vit"], "augment": ["none", "flips", "light"]},
        tune={"augment.scale": {"uniform": [0, 1]}},
        fixed={"pretraining": "scratch", "lr": 1e-3, "augment.noise": 1},
    )
    for arm in arms_of(sweep):
        assert tuned_in(sweep, arm) == ["augment.scale"]
        config = complete(sweep, arm)
        strengths = {name: value for name, value in config.items() if "augment." in name}
        level = {f"augment.{name}": of for name, of in PRESETS[config["augment"]].items()}
        assert strengths == {**level, "augment.scale": 0.5, "augment.noise": 1.0}


def test_without_strengths_a_configuration_is_as_it_was(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    config = complete(sweep, arms_of(sweep)[0])
    assert config["augment"] == "flips"
    assert not [name for name in config if name.startswith("augment.")]


@pytest.mark.parametrize(("recorded", "same"), [(True, True), (False, False), ("light", False)])
def test_a_run_of_an_older_version_is_resumed(
    make_sweep: MakeSweep, recorded: bool | str, same: bool
) -> None:
    """Its configurations have true for flips, and lack settings that came later."""
    sweep = make_sweep()
    config = complete(sweep, arms_of(sweep)[0])
    older = {**config, "augment": recorded}
    del older["clip_norm"]
    assert same_config(older, config) == same
    assert not same_config({**older, "lr": 0.5}, config)
