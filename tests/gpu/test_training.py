"""A GPU trains and scores what a CPU does, to the roundings of bfloat16."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from datasets import Prepared, Split, open_split
from models.build import model_for
from models.gpu import computes_bfloat16
from models.heads import HEAD_OPTIONS
from models.model import Model
from models.tasks import TASKS
from models.training import train
from tests.models.recipes import PLAIN, RECIPE

CPU = torch.device("cpu")
FEW = replace(RECIPE, epochs=2, lr=1e-3, augment=PLAIN)
HEADS = [("segmentation", "fpn"), ("detection", "faster_rcnn"), ("detection", "retinanet")]


@pytest.fixture
def splits(tiny_data: Prepared) -> tuple[Split, Split]:
    return open_split(tiny_data, "train"), open_split(tiny_data, "val")


def model_of(task: str, head: str, data: Prepared) -> Model:
    torch.manual_seed(0)
    usual = {name: field.default for name, field in HEAD_OPTIONS.items()}
    return model_for(task, {**usual, "head": head, "backbone": "test_resnet"}, data)


@pytest.mark.parametrize(("task", "head"), HEADS)
def test_a_gpu_learns_as_a_cpu_does(
    gpu: torch.device, task: str, head: str, tiny_data: Prepared, splits: tuple[Split, Split]
) -> None:
    begun = partial(model_of, task, head, tiny_data)
    here = list(train(begun(), TASKS[task], *splits, FEW, CPU))
    there = list(train(begun(), TASKS[task], *splits, FEW, gpu))
    near = 0.05 if computes_bfloat16(gpu) else 0.02
    for on_cpu, on_gpu in zip(here, there, strict=True):
        assert on_gpu.metrics["loss"] == pytest.approx(on_cpu.metrics["loss"], rel=near)


@pytest.mark.parametrize(("task", "head"), HEADS)
def test_what_a_gpu_has_begun_goes_on_on_a_cpu_and_back(
    gpu: torch.device,
    task: str,
    head: str,
    tiny_data: Prepared,
    splits: tuple[Split, Split],
    tmp_path: Path,
) -> None:
    file, begun = tmp_path / "state.pt", partial(model_of, task, head, tiny_data)
    for before, after in ((gpu, CPU), (CPU, gpu)):
        first = next(train(begun(), TASKS[task], *splits, FEW, before))
        torch.save(first.state(), file)
        state = torch.load(file, weights_only=True, map_location="cpu")
        (second,) = train(begun(), TASKS[task], *splits, FEW, after, state)
        assert second.number == 2
        assert second.metrics["loss"] < 1.05 * first.metrics["loss"]
