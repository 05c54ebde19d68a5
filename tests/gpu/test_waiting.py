"""A training step does not wait for the GPU: what has to be known is asked once an epoch."""

import warnings
from dataclasses import replace

import numpy as np
import torch

from datasets import Prepared, Split, open_split
from datasets.seen import rows_of
from models.tasks import TASKS
from models.training import train
from tests.gpu.test_training import FEW, model_of


def waits(training: Split, validation: Split, data: Prepared, gpu: torch.device) -> int:
    """How often the first epoch waited for it."""
    recipe = replace(FEW, epochs=1, batch_size=4)
    model = model_of("segmentation", "fpn", data).to(gpu)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            list(train(model, TASKS["segmentation"], training, validation, recipe, gpu))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(one.message) for one in heard)


def test_more_steps_do_not_wait_more_often(gpu: torch.device, tiny_data: Prepared) -> None:
    training, validation = open_split(tiny_data, "train"), open_split(tiny_data, "val")
    few, many = (rows_of(training, np.arange(images)) for images in (8, 32))
    assert waits(few, validation, tiny_data, gpu) == waits(many, validation, tiny_data, gpu)
