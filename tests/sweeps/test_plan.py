"""What can fail early fails in the plan: weights that are missing or do not fit, unusable data."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import get_all_study_names
from safetensors.torch import load_file, save_file

from models.backbones import Backbone
from runs.arms import Arm
from sweeps.faults import SweepError
from sweeps.plan import make_plan
from sweeps.proposals import Proposals
from sweeps.run import context_of
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.space import arm_names
from sweeps.stops import Stops
from sweeps.trial import initial_model

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


def test_missing_weights_stop_the_sweep_and_the_message_names_the_file_to_add(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    folder = imagenet_folder(tmp_path, "test_resnet")
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "pretraining": ["imagenet"]},
        weights={"imagenet": {"folder": folder}},
    )
    with pytest.raises(SweepError) as caught:
        make_plan(sweep, tmp_path, cache, MACHINES)
    assert "the weights of 1 of 2 arms are not available" in str(caught.value)
    assert f"as test_vit.r160_in1k.safetensors into {folder}" in str(caught.value)


def test_skipped_arms_are_in_the_plan_and_the_others_run(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "pretraining": ["imagenet", "scratch"]},
        weights={"imagenet": {"folder": imagenet_folder(tmp_path, "test_resnet")}},
        unavailable="skip",
    )
    plan = make_plan(sweep, tmp_path, cache, MACHINES)
    assert [one.arm.title for one in plan.skipped] == ["test_vit · imagenet"]
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
    assert plan.arms == [Arm({"backbone": "test_vit", "pretraining": "mine"})]


def test_arms_of_one_slug_start_from_their_own_weights_and_have_their_own_names(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    """`none-mae` and `low`, `none` and `mae-low`: joined by a dash both are `none-mae-low`."""
    file = tmp_path / "mine.safetensors"
    save_file(Backbone("test_vit", 3, 32).network.state_dict(), file)
    sweep = make_sweep(
        compare={"start": ["none-mae", "none"], "rate": ["low", "mae-low"]},
        variants={
            "start": {"none-mae": {"pretraining": "mine"}, "none": {"pretraining": "scratch"}},
            "rate": {"low": {"lr": 1e-4}, "mae-low": {"lr": 1e-5}},
        },
        tune={},
        fixed={"backbone": "test_vit"},
        weights={"checkpoints": {"mine": {"file": str(file)}}},
        allocation="equal",
        budget={"trials": 4, "epochs": 1},
    )
    plan = make_plan(sweep, tmp_path, cache, MACHINES)
    begin_run_directory(plan, "a test")
    context = context_of(plan).trials
    stops = Stops(plan.directory, arm_names(sweep))
    proposals = Proposals(sweep, plan.arms, plan.directory, stops)
    records = [proposals.propose(number) for number in range(4)]
    expected = load_file(file)
    for record in records:
        model = initial_model(record.config, context, plan.weights_of(record.arm))
        state = model.backbone.network.state_dict()
        from_file = all(torch.equal(state[name], tensor) for name, tensor in expected.items())
        assert from_file == (record.arm["start"] == "none-mae"), record.name
    slugs = {record.name.partition("-")[2] for record in records}
    assert len(slugs) == 4
    storage = JournalStorage(JournalFileBackend(str(plan.directory.study_file)))
    assert set(get_all_study_names(storage)) == {f"tiny: {slug}" for slug in slugs}


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
        {"dataset": {"name": "landslide4sense", "bands": ["B4", "slope"], "image_size": 32}},
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


def test_run_is_resumed_as_it_was_started(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    """Fewer slots, and weights that are available since, do not change a run that was started."""
    arms = {"backbone": ["test_vit"], "pretraining": ["imagenet", "scratch"]}
    sweep = make_sweep(compare=arms, unavailable="skip")
    begun = make_plan(sweep, tmp_path, cache, [Machine(cpus=8, gpus=0)])
    begin_run_directory(begun, "a test")
    resumed = make_plan(sweep, tmp_path, cache, [Machine(cpus=2, gpus=0)], resume=True)
    assert resumed.slots.count == 2
    assert resumed.costs == begun.costs

    weights = {"imagenet": {"folder": imagenet_folder(tmp_path, "test_vit")}}
    found_since = make_sweep(compare=arms, weights=weights, unavailable="skip")
    resumed = make_plan(found_since, tmp_path, cache, MACHINES, resume=True)
    assert resumed.arms == begun.arms
    assert "when the run was started" in resumed.skipped[0].reason


def test_data_without_a_single_object_are_refused_where_boxes_are_needed(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    data = {"name": "landslide4sense", "image_size": 32, "min_area": 1000}
    with pytest.raises(SweepError, match="no image of train and val and test has an object"):
        make_plan(make_sweep(dataset=data), tmp_path, cache, MACHINES)
    pixels_alone = make_sweep(task="segmentation", metric="mIoU", dataset=data)
    assert not any(make_plan(pixels_alone, tmp_path, cache, MACHINES).data.positives.values())
