"""TensorBoard, opened on a run directory, shows its trials and its repeats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from datasets import Prepared, open_split
from datasets.batches import batch_of
from models.tasks import TASKS
from sweeps.board import TRAINING_PICTURES, Board


def test_events_of_trials_and_repeats_are_found_in_the_run_directory(tmp_path: Path) -> None:
    for name in ("trials/000-a", "repeats/000-a-seed1"):
        with Board(tmp_path / name, {"lr": 1e-3}, "detection", ("AP50",), (0, 1, 2), 0) as board:
            board.epoch(1, {"AP50": 0.5, "loss": 2.0, "seconds": 3.0})
    found = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    tags = {"val/AP50", "train/loss", "train/seconds"}
    for name in ("trials/000-a", "repeats/000-a-seed1"):
        assert tags <= set(found.Runs()[name]["scalars"])


@pytest.mark.parametrize("task", TASKS)
def test_the_training_batch_is_shown_with_its_truth(
    tmp_path: Path, tiny_data: Prepared, task: str
) -> None:
    split = open_split(tiny_data, "train")
    held = torch.ones(TRAINING_PICTURES + 1, len(split.classes), dtype=torch.bool)
    batch = replace(batch_of(split, np.arange(len(held))), image_labels=held)
    folder = tmp_path / "trials" / "000-a"
    with Board(folder, {}, task, TASKS[task].metrics, (0, 1, 2), 0) as board:
        board.draw_training(batch, tiny_data)
    found = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    assert found.Runs()["trials/000-a"]["images"] == ["training"]
    (grid,) = found.Images("trials/000-a", "training")
    assert grid.width >= TRAINING_PICTURES * 256 > grid.height
