"""What can fail early fails in the plan: weights that are not there or do not fit, odd data."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from models.backbones import Backbone
from sweeps.faults import SweepError
from sweeps.plan import make_plan
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.space import arm_label

MakeSweep = Callable[..., Sweep]
MACHINES = [Machine(cpus=2, gpus=0)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.pretraining.hub.hub_reachable", lambda: False)


def imagenet_folder(folder: Path, *names: str) -> Path:
    """Weights as timm publishes them, in the folder that an offline sweep names."""
    for name in names:
        published = timm.get_pretrained_cfg(name)
        assert published is not None
        network = timm.create_model(name)
        save_file(network.state_dict(), folder / f"{name}.{published.tag}.safetensors")
    return folder


def test_weights_that_cannot_be_had_stop_the_sweep_and_say_what_to_put_where(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    folder = imagenet_folder(tmp_path, "test_resnet")
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "pretraining": ["imagenet"]},
        weights={"imagenet": {"folder": folder}},
    )
    with pytest.raises(SweepError) as caught:
        make_plan(sweep, tmp_path, cache, MACHINES)
    assert "weights of 1 arms cannot be had" in str(caught.value)
    assert f"as test_vit.r160_in1k.safetensors into {folder}" in str(caught.value)


def test_arms_that_are_skipped_are_said_and_the_others_run(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "pretraining": ["imagenet", "scratch"]},
        weights={"imagenet": {"folder": imagenet_folder(tmp_path, "test_resnet")}},
        unavailable="skip",
    )
    plan = make_plan(sweep, tmp_path, cache, MACHINES)
    assert [arm_label(one.arm) for one in plan.skipped] == ["test_vit-imagenet"]
    assert len(plan.arms) == 3
    stored = plan.stages[0].stored(cache)
    assert stored is not None
    stored.load_into(Backbone("test_resnet", 3, 32).network)


def test_weights_of_another_backbone_do_not_fit_and_name_culprits(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    file = tmp_path / "other.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), file)
    sweep = make_sweep(
        compare={"backbone": ["test_resnet"], "pretraining": ["mine"]},
        weights={"checkpoints": {"mine": {"file": str(file)}}},
    )
    with pytest.raises(SweepError, match=r"does not fit: 0 of .* missing conv1"):
        make_plan(sweep, tmp_path, cache, MACHINES)


def test_checkpoint_named_for_one_backbone_makes_no_arm_of_another(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    file = tmp_path / "mine.safetensors"
    save_file(Backbone("test_vit", 3, 32).network.state_dict(), file)
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "pretraining": ["mine"]},
        weights={"checkpoints": {"mine": {"file": str(file), "backbone": "test_vit"}}},
        unavailable="skip",
    )
    plan = make_plan(sweep, tmp_path, cache, MACHINES)
    assert plan.arms == [{"backbone": "test_vit", "pretraining": "mine"}]


def test_distillation_waits_for_its_teacher_and_the_teacher_for_its_start(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "pretraining": ["distillation", "mae"]},
        weights={"distillation": {"teacher": {"backbone": "test_vit", "pretraining": "mae"}}},
    )
    plan = make_plan(sweep, tmp_path, cache, MACHINES)
    order = [stage.name for stage in plan.stages]
    assert sorted(order) == [
        "distillation-test_resnet",
        "distillation-test_vit",
        "mae-test_resnet",
        "mae-test_vit",
        "teacher-test_vit",
    ]
    assert order.index("mae-test_vit") < order.index("teacher-test_vit")
    assert order.index("teacher-test_vit") < order.index("distillation-test_resnet")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"weights": {"mae": {"mask_ratio": 0.5}}},
        {"budget": {"trials": 12, "epochs": 9, "pretraining_epochs": 7}},
        {"dataset": {"name": "landslide4sense", "image_size": 64, "min_area": 2}},
        {"dataset": {"name": "landslide4sense", "bands": "all", "image_size": 32, "min_area": 2}},
    ],
)
def test_key_of_trained_weights_changes_with_what_shapes_them(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path, change: dict[str, object]
) -> None:
    compare = {"backbone": ["test_vit"], "pretraining": ["mae"]}
    plans = [
        make_plan(make_sweep(compare=compare, **sections), tmp_path, cache, MACHINES)
        for sections in ({}, {}, change)
    ]
    first, same, other = (plan.stages[0].key for plan in plans)
    assert first == same != other


def test_run_is_gone_on_with_as_it_was_begun(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    """Neither fewer slots nor weights that have turned up since change a run that was begun."""
    arms = {"backbone": ["test_vit"], "pretraining": ["imagenet", "scratch"]}
    sweep = make_sweep(compare=arms, unavailable="skip")
    begun = make_plan(sweep, tmp_path, cache, [Machine(cpus=8, gpus=0)])
    begin_run_directory(begun, "a test")
    resumed = make_plan(sweep, tmp_path, cache, [Machine(cpus=2, gpus=0)], resume=True)
    assert (resumed.lag, resumed.slots.count) == (begun.lag, 2)

    weights = {"imagenet": {"folder": imagenet_folder(tmp_path, "test_vit")}}
    found_since = make_sweep(compare=arms, weights=weights, unavailable="skip")
    resumed = make_plan(found_since, tmp_path, cache, MACHINES, resume=True)
    assert resumed.arms == begun.arms
    assert "when the run was begun" in resumed.skipped[0].reason


def test_data_without_a_single_object_are_refused_where_boxes_are_needed(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    data = {"name": "landslide4sense", "image_size": 32, "min_area": 1000}
    with pytest.raises(SweepError, match="no image of train and val and test holds an object"):
        make_plan(make_sweep(dataset=data), tmp_path, cache, MACHINES)
    pixels_alone = make_sweep(task="segmentation", metric="mIoU", dataset=data)
    assert not any(make_plan(pixels_alone, tmp_path, cache, MACHINES).data.positives.values())
