"""What a sweep of classifiers says before it starts: its plan, and what it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from models.pretraining.distillation import NoObjectsError
from sweeps.check import names_at_fault
from sweeps.faults import SweepError
from sweeps.plan import make_plan
from sweeps.schema import Sweep
from sweeps.show import show_plan
from sweeps.slots import Machine
from tests.own_rasters import images

MACHINES = [Machine(cpus=2, gpus=0)]

MakeSweep = Callable[..., Sweep]


@pytest.fixture
def classifiers(make_sweep: MakeSweep) -> MakeSweep:
    """A sweep of two heads on the sample of EuroSAT, with sections replaced."""

    def make(**sections: Any) -> Sweep:
        base = {
            "task": "classification",
            "metric": "F1",
            "dataset": {"name": "eurosat", "image_size": 32},
            "compare": {"head": ["linear", "mlp"], "pretraining": ["scratch"]},
            "tune": {"lr": {"log_uniform": [1e-4, 1e-2]}},
            "fixed": {"backbone": "test_resnet"},
        }
        return make_sweep(**{**base, **sections})

    return make


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"metric": "mIoU"}, "classification has no metric 'mIoU'"),
        (
            {"fixed": {"backbone": "x", "loss": "lovasz"}},
            "loss 'lovasz' of whole images does not exist",
        ),
        (
            {"fixed": {"backbone": "x", "pyramid_channels": 64}},
            "no arm has a head with this option",
        ),
        ({"metric_over": "scenes"}, "image labels that tiles cut cannot be made whole again"),
        ({"dataset": {"name": "xbd"}}, "classification needs image labels, and xbd has none"),
        ({"task": "detection", "metric": "AP50"}, "detection needs boxes, and eurosat has none"),
    ],
    ids=str,
)
def test_what_does_not_fit_the_task_is_refused(
    classifiers: MakeSweep, sections: dict[str, Any], message: str
) -> None:
    faults = [fault.message for fault in names_at_fault(classifiers(**sections))]
    assert any(message in fault for fault in faults), faults


def test_the_plan_counts_the_images_of_each_class(
    classifiers: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    plan = make_plan(classifiers(), tmp_path, cache, MACHINES)
    console = Console(width=200, record=True)
    show_plan(plan, console)
    shown = console.export_text()
    assert "134 train (134 with labels), 29 val (29 with labels)" in shown
    assert "images in train / val / test: AnnualCrop 40 / 4 / 4" in shown
    assert plan.metrics[:4] == ("F1", "accuracy", "mAP", "F1/AnnualCrop")


def test_distillation_has_nothing_to_learn_from(
    classifiers: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    sweep = classifiers(
        compare={"head": ["linear", "mlp"], "pretraining": ["distillation"]},
        weights={"distillation": {"teacher": {"backbone": "test_vit", "pretraining": "scratch"}}},
    )
    with pytest.raises(NoObjectsError, match="choose another kind of initial weights"):
        make_plan(sweep, tmp_path, cache, MACHINES)


def test_cross_entropy_is_refused_where_images_have_several_labels(
    classifiers: MakeSweep, tmp_path: Path
) -> None:
    images(tmp_path / "mine")
    lines = [f"scene_{n}.tif,{kind}" for n, kind in enumerate(("a", "b", "a|b", "", "b", "a"), 1)]
    (tmp_path / "mine" / "labels.csv").write_text("\n".join(("image,label", *lines)))
    data = {"name": "raster", "root": tmp_path / "mine", "image_size": 32}
    data["splits"] = {"val": 0.2, "test": 0.2}
    sweep = classifiers(dataset=data)
    with pytest.raises(SweepError, match="write loss: bce"):
        make_plan(sweep, tmp_path / "results", tmp_path / "cache", MACHINES)
