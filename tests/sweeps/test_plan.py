"""What can fail early fails in the plan: weights that are missing or do not fit, unusable data."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import get_all_study_names
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file, save_file

from datasets.options import prepare_dataset
from models.backbones import Backbone
from runs.arms import Arm
from sweeps.faults import SweepError
from sweeps.plan import make_plan
from sweeps.proposals import Proposals
from sweeps.run import context_of
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.show import show_plan
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
    assert f"as NAME.safetensors in {folder}; NAME: test_vit.r160_in1k" in str(caught.value)


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


def test_arms_that_are_skipped_for_one_reason_share_a_line(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the plan; the line says what to do, and names each backbone's weights once."""
    names = ["test_resnet", "test_vit", "test_efficientnet"]
    sweep = make_sweep(
        compare={"backbone": names, "pretraining": ["imagenet", "scratch"], "lr": [0.1, 0.2]},
        unavailable="skip",
    )
    show_plan(make_plan(sweep, tmp_path, cache, MACHINES), Console(width=100_000))
    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("skipped"))
    assert line.startswith("skipped: 6 arms (test_resnet · imagenet · 0.1, ")
    assert "weights.imagenet.folder=FOLDER" in line
    assert line.count("test_vit.r160_in1k") == 1


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
        model = initial_model(
            record.config, context.task, context.data, plan.weights_of(record.arm)
        )
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


@pytest.fixture
def two_classes(tmp_path: Path) -> Callable[..., Path]:
    """VOC scenes, called with the classes of each split: an object of every class in each image."""

    def make(**classes: Sequence[str]) -> Path:
        root = tmp_path / "voc"
        for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for seed, (split, names) in enumerate(classes.items()):
            pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)
            Image.fromarray(pixels).save(root / f"JPEGImages/{split}.jpg")
            boxes = "".join(
                f"<object><name>{name}</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>40</xmax>"
                "<ymax>40</ymax></bndbox></object>"
                for name in names
            )
            text = f"<annotation><filename>{split}.jpg</filename>{boxes}</annotation>"
            (root / f"Annotations/{split}.xml").write_text(text)
            (root / f"ImageSets/Main/{split}.txt").write_text(split)
        return root

    return make


def test_a_split_whose_classes_are_never_trained_on_is_refused(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path, two_classes: Callable[..., Path]
) -> None:
    root = two_classes(train=["ship"], val=["plane"], test=["ship", "plane"])
    data = {"name": "voc", "root": root, "image_size": 32}
    with pytest.raises(SweepError, match=r"no class of val \(plane\) is in train"):
        make_plan(make_sweep(dataset=data), tmp_path, cache, MACHINES)


def test_a_head_that_learns_from_masks_is_refused_on_data_that_turn_out_to_have_none(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path, two_classes: Callable[..., Path]
) -> None:
    """Of one's own rasters that is known only when they have been read."""
    root = two_classes(train=["ship"], val=["ship"], test=["ship"])
    data = {"name": "voc", "root": root, "image_size": 32}
    sweep = make_sweep(dataset=data, fixed={"head": "mask_rcnn"})
    with pytest.raises(SweepError, match="head: mask_rcnn learns from masks, and the data bring"):
        make_plan(sweep, tmp_path, cache, MACHINES)


def test_the_plan_lists_the_metrics_that_only_some_heads_have(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    arms = {"backbone": ["test_resnet"], "pretraining": ["scratch"], "head": ["fcos", "mask_rcnn"]}
    plan = make_plan(make_sweep(compare=arms), tmp_path, cache, MACHINES)
    assert plan.metrics == ("AP50", "AP", "AP75", "AR100", "mask_AP50", "mask_AP")


def test_the_plan_counts_each_class_and_names_the_absent_ones(
    make_sweep: MakeSweep,
    tmp_path: Path,
    cache: Path,
    two_classes: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = two_classes(train=["ship"], val=["ship", "plane"], test=["ship"])
    arms = {"backbone": ["test_resnet"], "pretraining": ["scratch"]}
    data = {"name": "voc", "root": root, "image_size": 32}
    plan = make_plan(make_sweep(dataset=data, compare=arms), tmp_path, cache, MACHINES)
    show_plan(plan, Console(width=100_000))
    shown = capsys.readouterr().out
    assert "objects in train / val / test: plane 0 / 1 / 0, ship 1 / 1 / 1" in shown
    assert "absent from train: plane" in shown and "absent from val" not in shown


def test_a_metric_of_an_absent_class_is_refused(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(task="segmentation", metric="IoU/water")
    pixels = {"train": (5, 5, 5), "val": (5, 5, 0), "test": (5, 5, 5)}
    data = replace(
        prepare_dataset(sweep.dataset, cache), classes=("land", "water"), class_pixels=pixels
    )
    monkeypatch.setattr("sweeps.plan.prepare_dataset", lambda *_, **__: data)
    with pytest.raises(SweepError, match="IoU/water says nothing, as water is absent from val"):
        make_plan(sweep, tmp_path, cache, MACHINES)


def test_weights_of_the_backbones_own_source_are_told_with_licence_units_and_bands(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sample's stored values are not the 8 bit that timm's weights were trained on."""
    published = timm.get_pretrained_cfg("test_resnet")
    assert published is not None
    bands = ["B4", "B3", "B2", "B8"]
    sweep = make_sweep(
        dataset={"name": "landslide4sense", "image_size": 32, "min_area": 2, "bands": bands},
        compare={
            "backbone": ["timm/test_resnet"],
            "pretraining": ["default", f"timm:{published.tag}"],
        },
        weights={"default": {"folder": imagenet_folder(tmp_path, "test_resnet")}},
    )
    plan = make_plan(sweep, tmp_path, cache, MACHINES)
    assert [stage.name for stage in plan.stages] == ["r160_in1k-timm-test_resnet"]
    units, spread = plan.warnings
    assert "B4 has mean" in units and "theirs mean" in units
    assert "stands for B8" in spread
    show_plan(plan, Console(width=100_000))
    shown = capsys.readouterr().out
    assert f"licence of r160_in1k-timm-test_resnet: {plan.licences[plan.stages[0].name]}" in shown
    assert "warning: r160_in1k-timm-test_resnet: stored values" in shown
