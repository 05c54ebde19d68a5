"""A sweep file is read whole, or refused with one line a fault: file, line, key, what to do."""

from pathlib import Path

import pytest

from sweeps.faults import SweepError
from sweeps.read import read_name, read_sweep
from sweeps.schema import Sweep

# What is replaced in the file, by what, and what the line about it must say.
FAULTS = [
    ("metric: AP50", "metrik: AP50", "metrik: there is no such key; did you mean 'metric'?"),
    ("trials: 6", "trials: six", "budget.trials: this should be a valid integer"),
    ("trials: 6", "trails: 6", "budget.trails: there is no such key; did you mean 'trials'?"),
    ("[scratch, distillation]", "[]", "compare.pretraining: the list of choices is empty"),
    ("[scratch, distillation]", "[mae, mae]", "compare.pretraining: a choice is listed twice"),
    ("[1.0e-4, 1.0e-2]", "[1.0e-2, 1.0e-4]", "tune.lr: the range is reversed or empty"),
    ("[1.0e-4, 1.0e-2]", "[0, 1]", "tune.lr: a log_uniform range starts above 0, not at 0"),
    ("roi_box", "roi_bax", "no arm has a loss 'roi_bax'; did you mean 'roi_box'?"),
    ("test_vit]", "test_vitt]", "timm has no backbone 'test_vitt'; did you mean 'test_vit"),
    ("seed: 3", "resources: {gpu: 1.5}", "resources.gpu: this should be less than or equal to 1"),
    ("seed: 3", "resources: {gpu: -0.5}", "greater than or equal to 0, not -0.5"),
    ("seed: 3", "fixed: {batch_sice: 4}", "there is no such setting; did you mean 'batch_size'"),
    ("seed: 3", "fixed: {batch_size: 0}", "fixed.batch_size: this should be greater than"),
    ("seed: 3", "fixed: {lr: 0.1}", "lr is also given under tune: remove tune.lr or fixed.lr"),
    ("seed: 3", "fixed: {clip_norm: .inf}", "fixed.clip_norm: this should be a finite number"),
    ("seed: 3", "seed: true", "seed: true is not a value of this key"),
    (
        "lr: {log_uniform: [1.0e-4, 1.0e-2]}",
        "lr: 0.1",
        "tune.lr: write a range or choices, such as",
    ),
    ("test_vit]", "resnet18.nonsense]", "timm has no weights 'nonsense' of resnet18; there are: "),
    (
        "seed: 3",
        "fixed: {augment: 1}",
        "fixed.augment: this should be 'none', 'flips', 'light' or",
    ),
    ("seed: 3", "fixed: {augment.scael: 1}", "setting; did you mean 'augment.scale'?"),
    ("seed: 3", "fixed: {augment.cutout: 1}", "augment.cutout: this should be less than or equal"),
    ("lr: {", "head: {choice: [faster_rcnn]}\n  lr: {", "tune.head: this setting defines"),
    ("test_vit]", "levit_128s]", "has features at strides [16, 32, 64]"),
    ("test_vit]", "torchgo/resnet50]", "no source of backbones 'torchgo'; did you mean 'torchgeo'"),
    ("scratch, dist", "torchgo:X, dist", "no source of backbones 'torchgo'"),
    ("scratch, dist", "defualt, dist", "did you mean 'default'?"),
    (
        "{teacher: {backbone: test_vit, pretraining: mae}}",
        "null",
        "add the section weights.distillation; it must give teacher",
    ),
    (
        "distillation]",
        "clip]",
        "there are no initial weights 'clip'; there are: scratch, ",
    ),
    ("name: landslide4sense", "name: landslide4sens", "did you mean 'landslide4sense'?"),
    ("image_size: 32", "image_size: 40", "dataset.image_size: this should be a multiple of 32"),
    ("image_size: 32", "root: /nowhere", "dataset.root: there is no folder /nowhere"),
    ("image_size: 32", "bands: [B2, B33]", "has no band 'B33'; did you mean 'B3'?"),
    ("metric: AP50", "metric: mIoU", "detection has no metric 'mIoU'; there are: AP50, AP"),
    ("metric: AP50", "metric: mask_AP", "detection has no metric 'mask_AP'; there are: AP50, AP"),
    ("grace_epochs: 1", "grace_epochs: 9", "no trial has 9 epochs: lower it to at most 3"),
    ("seed: 3", "metric_over: scenes", "metric_over: boxes that tiles cut cannot be made whole"),
    ("seed: 3", "sampler: {name: grid}", "tune.lr: the grid sampler needs a choice"),
    ("image_size: 32", "tile: 64", "dataset.tile: landslide4sense has images of one size"),
    ("image_size: 32", "stretch: [98, 2]", "dataset.stretch: percentiles rise from 0 to 100"),
    ("image_size: 32", "overlap: 8", "dataset: overlap needs tiles: give tile as well"),
    ("seed: 3", "variants: {lr: {a: {}}}", "variants.lr: this is the name of a setting"),
    ("seed: 3", "variants: {start: {a: {}}}", "variants.start: compare has no factor 'start'"),
    ("[scratch, distillation]", "[source]", "add the section weights.source; it must give dataset"),
    ("seed: 3", "fixed: {dropout: 0.5}", "fixed.dropout: no arm has a head with this option"),
    ("seed: 3", "track: [mlfow]", "track.0: there is no tracker 'mlfow'; did you mean 'mlflow'?"),
    ("seed: 3", "track: [mlflow, mlflow]", "track.1: a tracker is listed twice"),
    ("seed: 3", "allocation: equal\nbudget: 1", "this is not YAML: found duplicate key"),
]


@pytest.mark.parametrize(("before", "after", "message"), FAULTS, ids=[f[1] for f in FAULTS])
def test_fault_is_named_with_file_line_and_key(
    sweep_file: Path, before: str, after: str, message: str
) -> None:
    text = sweep_file.read_text()
    assert before in text
    sweep_file.write_text(text.replace(before, after, 1))

    with pytest.raises(SweepError) as caught:
        read_sweep(sweep_file)

    first = str(caught.value).splitlines()[0]
    assert message in first
    assert first.startswith(f"{sweep_file}:{line_of(sweep_file, after, message)}: ")


def line_of(file: Path, written: str, message: str) -> int:
    """The line that a fault lies on: where it was written, or where the key it names stands."""
    elsewhere = {
        "add the section weights.distillation": "pretraining: [",
        "grid": "lr: {",
        "duplicate": "budget: 1",
        "overlap needs": "dataset:",
    }
    place = next((text for word, text in elsewhere.items() if word in message), written)
    before, _, _ = file.read_text().partition(place)
    return before.count("\n") + 1


def test_a_tracker_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    sweep_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.check.installed", lambda name: False)
    with pytest.raises(SweepError, match=r"track.0: wandb is not installed: .*pip install wandb$"):
        read_sweep(sweep_file, ["track=[wandb]"])


def test_all_faults_are_reported_at_once(sweep_file: Path) -> None:
    text = sweep_file.read_text().replace("trials: 6", "trials: six").replace("metric:", "metrik:")
    sweep_file.write_text(text)
    with pytest.raises(SweepError) as caught:
        read_sweep(sweep_file)
    assert len(str(caught.value).splitlines()) == 2


def test_missing_file_names_the_others_in_the_folder(sweep_file: Path) -> None:
    with pytest.raises(SweepError, match=r"there is no such sweep file; in .* tiny\.yaml"):
        read_sweep(sweep_file.with_name("tyni.yaml"))


def test_overrides_reach_every_section(sweep_file: Path) -> None:
    sweep = read_sweep(
        sweep_file,
        [
            "budget.trials=8",
            "tune.lr.log_uniform=[1e-3, 1e-2]",
            "tune.loss_weights.rpn_box={choice: [1, 2]}",
            "compare.backbone=[test_vit]",
            "unavailable=skip",
        ],
    )
    assert sweep.budget.trials == 8
    assert sweep.tune["lr"].log_uniform == (1e-3, 1e-2)
    assert sweep.tune["loss_weights.rpn_box"].choice == [1, 2]
    assert sweep.compare["backbone"] == ["test_vit"]
    assert sweep.unavailable == "skip"


def test_a_strength_of_augmentation_stands_beside_its_level(sweep_file: Path) -> None:
    overrides = [
        "fixed.augment=light",
        "fixed.augment.noise=1",
        "tune.augment.scale.uniform=[0, 1]",
    ]
    sweep = read_sweep(sweep_file, overrides)
    assert sweep.fixed == {"augment": "light", "augment.noise": 1.0}
    assert sweep.tune["augment.scale"].uniform == (0, 1)


def test_older_files_say_true_and_false_of_augmentation(sweep_file: Path) -> None:
    assert read_sweep(sweep_file, ["fixed.augment=true"]).fixed == {"augment": True}
    with pytest.raises(SweepError, match="augment: true is the older name of flips: remove one"):
        read_sweep(sweep_file, ["compare.augment=[true, flips]"])


def test_fault_in_an_override_names_the_command_line(sweep_file: Path) -> None:
    with pytest.raises(SweepError, match=r"^command line: budget\.trials: .*not 'many'"):
        read_sweep(sweep_file, ["budget.trials=many"])
    with pytest.raises(SweepError, match="is not an override; write key=value"):
        read_sweep(sweep_file, ["budget.trials"])


def test_value_for_a_tuned_setting_says_how_to_fix_it(sweep_file: Path) -> None:
    with pytest.raises(SweepError, match=r"or fix the value with fixed.lr=0.1 and remove tune.lr"):
        read_sweep(sweep_file, ["tune.lr=0.1"])
    with pytest.raises(SweepError, match=r"command line, tune.lr='\{choice: \[0.1\]\}' fixes"):
        read_sweep(sweep_file, ["fixed.lr=0.1"])
    assert read_sweep(sweep_file, ["tune.lr={choice: [0.1]}"]).tune["lr"].choice == [0.1]


def test_a_head_that_learns_from_masks_is_refused_on_data_of_boxes_alone(sweep_file: Path) -> None:
    fault = (
        r"fixed\.head: mask_rcnn learns from masks, and the data bring boxes only: choose another"
    )
    with pytest.raises(SweepError, match=fault):
        read_sweep(sweep_file, ["dataset.name=voc", "fixed.head=mask_rcnn"])
    assert read_sweep(sweep_file, ["fixed.head=mask_rcnn"]).fixed["head"] == "mask_rcnn"


def test_arms_are_not_ranked_by_a_metric_that_some_of_them_lack(sweep_file: Path) -> None:
    heads = "compare.head=[mask_rcnn, retinanet, fcos]"
    fault = "metric: retinanet and fcos would have no mask_AP50 to be ranked by: choose another"
    with pytest.raises(SweepError, match=fault):
        read_sweep(sweep_file, [heads, "metric=mask_AP50", "budget.trials=12"])
    assert read_sweep(sweep_file, [heads, "budget.trials=12"]).metric == "AP50"
    assert read_sweep(sweep_file, ["fixed.head=mask_rcnn", "metric=mask_AP"]).metric == "mask_AP"


def test_exponents_without_a_point_are_numbers(sweep_file: Path) -> None:
    """YAML 1.1 reads 1e-4 as text, a trap in every other sweep file."""
    sweep_file.write_text(sweep_file.read_text().replace("[1.0e-4, 1.0e-2]", "[1e-4, 1e-2]"))
    assert read_sweep(sweep_file).tune["lr"].log_uniform == (1e-4, 1e-2)


ON_SAMPLE = "on_sample: {budget.trials: 2, fixed.batch_size: 0}\n"


def test_what_the_sample_needs_lies_under_the_command_line(sweep_file: Path) -> None:
    sweep_file.write_text(sweep_file.read_text() + ON_SAMPLE.replace("0", "4"))
    sweep = read_sweep(sweep_file)
    assert (sweep.budget.trials, sweep.fixed["batch_size"]) == (2, 4)
    assert read_sweep(sweep_file, ["budget.trials=5"]).budget.trials == 5


def test_resolved_sweep_reads_as_itself(sweep_file: Path) -> None:
    sweep = read_sweep(sweep_file)
    assert Sweep.model_validate(sweep.model_dump(mode="json")) == sweep


def test_real_data_does_without_what_the_sample_needs(sweep_file: Path, tmp_path: Path) -> None:
    sweep_file.write_text(sweep_file.read_text() + ON_SAMPLE)
    assert read_sweep(sweep_file, [f"dataset.root={tmp_path}"]).budget.trials == 6


def test_fault_in_what_the_sample_needs_names_its_line(sweep_file: Path) -> None:
    sweep_file.write_text(sweep_file.read_text() + ON_SAMPLE)
    last = len(sweep_file.read_text().splitlines())
    with pytest.raises(SweepError, match=rf"^{sweep_file}:{last}: fixed\.batch_size: .* not 0"):
        read_sweep(sweep_file)


VARIANTS = """\
variants:
  start:
    plain: {pretraining: scratch}
    taught: {pretraining: distillation, lr: 0.001}
"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("start: [plain", "start: [plane", "variants.start has no 'plane'; did you mean 'plain'?"),
        ("lr: 0.001", "lr: fast", "variants.start.taught.lr: this should be a valid number"),
        ("lr: 0.001", "backbone: test_vit", "backbone is also given by compare.backbone"),
        ("{pretraining: scratch}", "{}", "pretraining: this setting is missing: add it"),
        ("{pretraining: scratch}", "{pretraining: mea}", "there are no initial weights 'mea'"),
    ],
)
def test_fault_in_a_variant_is_named(
    sweep_file: Path, before: str, after: str, message: str
) -> None:
    text = sweep_file.read_text().replace(
        "pretraining: [scratch, distillation]", "start: [plain, taught]"
    )
    sweep_file.write_text((text + VARIANTS).replace(before, after, 1))
    with pytest.raises(SweepError) as caught:
        read_sweep(sweep_file)
    assert message in str(caught.value)


def test_trials_that_could_only_repeat_others_are_refused(sweep_file: Path) -> None:
    with pytest.raises(SweepError, match="only 8 different configurations: lower it to 8"):
        read_sweep(
            sweep_file,
            [
                "tune.lr={choice: [1e-3, 1e-2]}",
                "tune.loss_weights.roi_box={choice: [1]}",
                "budget.trials=9",
            ],
        )


def test_name_is_read_alone_and_can_be_overridden(sweep_file: Path) -> None:
    sweep_file.write_text(sweep_file.read_text() + "no_such_key: 1\n")
    assert read_name(sweep_file) == "tiny"
    assert read_name(sweep_file, ["name=mine"]) == "mine"


@pytest.mark.parametrize(
    ("dataset", "metric", "message"),
    [
        ("{name: spacenet2}", "mIoU", "metric_over: spacenet2 is not cut into tiles: give dataset"),
        ("{name: spacenet2, tile: 64}", "footprint_F1", "metric: tiles cut footprints"),
    ],
)
def test_what_cannot_be_counted_over_scenes_is_refused(
    sweep_file: Path, dataset: str, metric: str, message: str
) -> None:
    given = [f"dataset={dataset}", f"metric={metric}", "task=segmentation", "metric_over=scenes"]
    with pytest.raises(SweepError, match=message):
        read_sweep(sweep_file, [*given, "tune={lr: {uniform: [1e-4, 1e-3]}}"])
