"""Predicted memory of training steps beside what the allocator gives out in real ones, on the CPU.

    python benchmarks/memory.py

Two steps on eight images of the embedded sample of Landslide4Sense at 128 px, all 14 bands. Prints
for each model the predicted peak, the allocator's, and their ratio; then what is predicted for a
GPU, where most is computed in bfloat16, and the processor time of a prediction.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from datasets import Prepared, open_split
from datasets.augment.augmentation import Augmentation
from datasets.batches import batch_of
from datasets.options import Dataset, prepare_dataset
from models.build import model_for
from models.heads import HEAD_OPTIONS
from models.memory import predict_peak
from models.model import Model
from models.optimisation import make_optimizer
from models.training import Recipe

MODELS = (
    ("segmentation", "fpn", "resnet18"),
    ("segmentation", "unet", "efficientnet_b0"),
    ("segmentation", "upernet", "swin_tiny_patch4_window7_224"),
    ("segmentation", "dpt", "vit_small_patch16_224"),
    ("detection", "retinanet", "vit_tiny_patch16_224"),
    ("detection", "faster_rcnn", "resnet18"),
)
PLAIN = Augmentation(symmetries=False, strengths={})
RECIPE = Recipe(1, 1e-4, "cosine", False, 8, "adamw", 0.05, 0.5, 5.0, PLAIN, {}, 0)


def model_of(task: str, head: str, backbone: str, data: Prepared) -> Model:
    usual = {name: field.default for name, field in HEAD_OPTIONS.items()}
    return model_for(task, {**usual, "head": head, "backbone": backbone}, data)


def allocated(task: str, head: str, backbone: str, data: Prepared) -> int:
    """The most bytes that the allocator has given out at once; NumPy's images are added."""
    batch = batch_of(open_split(data, "train"), np.arange(RECIPE.batch_size))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        model = model_of(task, head, backbone, data).train()
        optimizer = make_optimizer(model, RECIPE.optimizer, RECIPE.lr, RECIPE.weight_decay)
        for _ in range(2):
            torch.stack(list(model.losses(batch).values())).sum().backward()
            nn.utils.clip_grad_norm_(model.parameters(), RECIPE.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    now = peak = 0
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak + batch.images.nbytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    cache = parser.parse_args().cache
    torch.set_num_threads(1)
    sample = Dataset(name="landslide4sense", image_size=128, bands="all", min_area=2)
    data = prepare_dataset(sample, cache)
    print("MB: predicted, allocated, ratio; predicted for a GPU; seconds of a prediction")
    for task, head, backbone in MODELS:
        with torch.device("meta"):
            model = model_of(task, head, backbone, data)
        predicted = predict_peak(model, RECIPE, data, gpu=False).training
        start = time.process_time()
        on_gpu = predict_peak(model, RECIPE, data, gpu=True).training
        seconds = time.process_time() - start
        real = allocated(task, head, backbone, data)
        print(
            f"{head:12} {backbone:28} {predicted / 1e6:7.1f} {real / 1e6:7.1f} "
            f"{predicted / real:6.3f} {on_gpu / 1e6:8.1f} {seconds:6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
