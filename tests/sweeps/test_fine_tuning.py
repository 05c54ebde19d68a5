"""Settings of a training that do not fit are refused, and what follows from them is said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runs.arms import Arm
from sweeps.check import names_at_fault
from sweeps.disk import check_disk, needs
from sweeps.faults import SweepError
from sweeps.plan import make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.space import arms_of, tuned_in
from tests.mounts import read_only

MACHINES = [Machine(cpus=1, gpus=0)]
LR = {"lr": {"log_uniform": [1e-4, 1e-2]}}
ONE = {"backbone": ["test_resnet"], "pretraining": ["scratch"]}


@pytest.fixture
def segmenting(make_sweep: Callable[..., Sweep]) -> Callable[..., Sweep]:
    """A segmentation sweep of one arm or more, of 9 epochs."""

    def make(**sections: Any) -> Sweep:
        base: dict[str, Any] = {"task": "segmentation", "metric": "mIoU", "compare": ONE}
        return make_sweep(**{**base, "tune": LR, **sections})

    return make


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        (
            {"fixed": {"batch_size": 8, "effective_batch": 12}},
            "fixed.effective_batch: 12 is no multiple of batch_size 8",
        ),
        (
            {"tune": {**LR, "batch_size": {"choice": [4, 8]}}, "fixed": {"effective_batch": 4}},
            "fixed.effective_batch: 4 is no multiple of batch_size 8",
        ),
        (
            {"compare": {**ONE, "freeze_epochs": [0, 9]}},
            "compare.freeze_epochs: 9 of 9 epochs leave none to train the backbone in",
        ),
        (
            {"fixed": {"frozen": True, "backbone_lr": 0.1}},
            "fixed.backbone_lr: every arm is frozen and trains no backbone: remove this key",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    segmenting: Callable[..., Sweep], sections: dict[str, Any], fault: str
) -> None:
    (found,) = names_at_fault(segmenting(**sections))
    assert f"{'.'.join(map(str, found.key))}: {found.message}".startswith(fault)


def test_each_is_a_factor_or_tuned(segmenting: Callable[..., Sweep]) -> None:
    tune = {
        **LR,
        "backbone_lr": {"log_uniform": [0.01, 1.0]},
        "layer_decay": {"choice": [1.0, 0.75]},
        "ema": {"choice": [0.0, 0.99]},
        "effective_batch": {"choice": [8, 32]},
    }
    compare = {**ONE, "frozen": [False, True]}
    sweep = segmenting(compare=compare, tune=tune, fixed={"freeze_epochs": 2})
    assert not names_at_fault(sweep)
    trained, frozen = arms_of(sweep)
    assert tuned_in(sweep, trained) == list(tune)
    assert tuned_in(sweep, frozen) == ["lr", "ema", "effective_batch"]


def test_layers_without_names_are_refused_where_rates_may_fall(
    segmenting: Callable[..., Sweep],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cache: Path,
) -> None:
    monkeypatch.delattr("timm.models.resnet.ResNet.group_matcher")
    sweep = segmenting(tune={**LR, "layer_decay": {"choice": [1.0, 0.75]}})
    with pytest.raises(SweepError, match="layer_decay: test_resnet does not say what its layers"):
        make_plan(sweep, tmp_path, cache, MACHINES)
    make_plan(segmenting(), tmp_path, cache, MACHINES)


def test_the_plan_says_what_batch_norm_sees_and_why_features_are_not_kept(
    segmenting: Callable[..., Sweep], tmp_path: Path, cache: Path
) -> None:
    compare = {"backbone": ["test_resnet", "test_vit"], "pretraining": ["scratch"]}
    frozen = {"frozen": [False, True], **compare}
    plan = make_plan(
        segmenting(compare=frozen, fixed={"effective_batch": 16}), tmp_path, cache, MACHINES
    )
    assert plan.notes == (
        "batch normalisation sees batch_size images, and not effective_batch: "
        "False · test_resnet · scratch",
        "features of a frozen backbone are computed in every step, because augment changes the "
        "images (augment: none keeps them): True · test_resnet · scratch, "
        "True · test_vit · scratch",
    )
    assert not plan.features


def test_a_frozen_arm_costs_its_head_and_needs_space_for_features(
    segmenting: Callable[..., Sweep], tmp_path: Path, cache: Path
) -> None:
    """Heads over one network share its features; frozen first epochs are cheaper by their share."""
    kinds = {
        "kept": {"frozen": True, "augment": False},
        "frozen": {"frozen": True},
        "first": {"freeze_epochs": 3},
        "trained": {},
    }
    compare = {**ONE, "head": ["fpn", "unet"], "kind": list(kinds)}
    sweep = segmenting(compare=compare, variants={"kind": kinds})
    plan = make_plan(sweep, tmp_path / "results", cache, MACHINES)

    def of(kind: str, head: str = "fpn") -> Arm:
        return Arm(
            {"backbone": "test_resnet", "pretraining": "scratch", "head": head, "kind": kind}
        )

    cost = {kind: plan.costs[of(kind)] for kind in kinds}
    assert cost["kept"] < cost["frozen"] < cost["first"] < cost["trained"]
    assert 3 * cost["first"] == pytest.approx(cost["frozen"] + 2 * cost["trained"], abs=3)

    assert set(plan.features) == {of("kept"), of("kept", "unet")}
    new = replace(plan, cache=tmp_path / "new")
    (need,) = [need for need in needs(new) if "features" in need.what]
    images = plan.data.counts["train"] + plan.data.counts["val"]
    widths, sides = (32, 48, 192, 96), (8, 4, 2, 1)
    pixels = sum(width * side**2 for width, side in zip(widths, sides, strict=True))
    assert need.least == need.most == 4 * images * pixels

    empty = tmp_path / "empty"
    empty.mkdir()
    with read_only(empty), pytest.raises(SweepError, match="lacks the features of frozen"):
        check_disk(replace(plan, cache=empty))
