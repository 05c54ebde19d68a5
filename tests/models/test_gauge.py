"""A training is measured by its own loop, in turns that can be repeated."""

from dataclasses import replace
from itertools import islice

import pytest
import torch

from datasets import Prepared, open_split
from models.backbones import Backbone
from models.gauge import STEPS, Taken, spread, taken, turns
from models.heads.faster_rcnn import FasterRCNNDetector
from models.heads.options import FasterRCNNOptions
from models.model import Classes
from models.tasks import TASKS
from tests.models.recipes import RECIPE

CPU = torch.device("cpu")


@pytest.mark.parametrize("batch_size", [2, 16])
def test_a_turn_has_enough_steps_also_where_the_images_are_few(
    tiny_data: Prepared, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def counted(self: FasterRCNNDetector, batch: object) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        return {"loss": next(self.parameters()).sum()}

    monkeypatch.setattr(FasterRCNNDetector, "losses", counted)
    monkeypatch.setattr(FasterRCNNDetector, "predict", lambda _, images: [NOTHING] * len(images))
    model = FasterRCNNDetector(
        Backbone("test_resnet", 3, 32), Classes(("landslide",), (), ()), FasterRCNNOptions()
    )
    splits = open_split(tiny_data, "train"), open_split(tiny_data, "val")
    recipe = replace(RECIPE, epochs=1, batch_size=batch_size)
    rates = list(islice(turns(model, TASKS["detection"], *splits, recipe, CPU), 2))
    assert all(rate > 0 for rate in rates)
    assert 2 * STEPS <= steps <= 3 * STEPS


NOTHING = {
    "boxes": torch.empty(0, 4),
    "scores": torch.empty(0),
    "labels": torch.empty(0, dtype=torch.int64),
}


def test_images_are_taken_from_the_whole_split() -> None:
    assert spread(10, 4).tolist() == [0, 2, 5, 7]
    assert spread(3, 8).tolist() == [0, 1, 2]


def test_without_a_gpu_nothing_of_one_is_taken() -> None:
    assert taken(CPU) == Taken(0, 0)
