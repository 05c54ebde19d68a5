"""Initial weights are the same whether they are made in one go or in slices of time."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.pretraining.stage import Stage
from models.pretraining.store import WEIGHTS
from sweeps.plan import make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.stages import train_stage

DATA = {"name": "landslide4sense", "image_size": 32, "min_area": 2}
TEACHER = {"teacher": {"backbone": "test_vit", "pretraining": "mae"}}


@pytest.mark.parametrize(
    ("pretraining", "weights"),
    [
        ("distillation", {"distillation": TEACHER}),
        ("source", {"source": {"dataset": DATA, "lr": 1e-3}}),
    ],
)
def test_stage_cut_into_slices_of_time_is_the_uncut_stage(
    make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path, pretraining: str, weights: dict
) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_resnet"], "pretraining": [pretraining]},
        weights=weights,
        budget={"trials": 1, "epochs": 1, "pretraining_epochs": 3},
    )
    plan = make_plan(sweep, tmp_path, cache, [Machine(cpus=2, gpus=0)])

    def train(stage: Stage, kept: Path, deadline: float | None) -> list[float]:
        reports = list(train_stage(stage, 3, kept, plan.slots.each, deadline))
        assert [report.last for report in reports] == [False] * (len(reports) - 1) + [True]
        return [report.numbers["epoch"] for report in reports if report.numbers]

    whole, sliced = tmp_path / "whole", tmp_path / "sliced"
    assert plan.stages
    for stage in plan.stages:
        assert train(stage, whole, None) == [1, 2, 3]
        for number in (1, 2, 3):
            assert stage.stored(sliced) is None
            assert train(stage, sliced, 0.0) == [number]
        expected, got = (stage.stored(kept) for kept in (whole, sliced))
        assert expected is not None and got is not None
        assert len(got.record["epochs_log"]) == 3  # type: ignore[arg-type]
        tensors = load_file(got.folder / WEIGHTS)
        for name, tensor in load_file(expected.folder / WEIGHTS).items():
            assert torch.equal(tensor, tensors[name]), f"{stage.name}: {name}"
    assert not list(sliced.rglob("*resume.pt*"))
