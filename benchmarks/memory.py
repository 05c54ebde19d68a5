"""Predicted memory of training steps beside what the allocator gives out in real ones.

    python benchmarks/memory.py
    python benchmarks/memory.py --device cuda

Two steps on eight images of the embedded sample of Landslide4Sense at 128 px, all 14 bands.

On the CPU, prints for each model the predicted peak, the allocator's, and their ratio; then what is
predicted for a GPU, where most is computed in bfloat16, and the processor time of a prediction.

On a GPU, a process of its own for each model trains an epoch. Prints the predicted
and the real peak of tensors; what the allocator reserved, over the tensors (`SLACK` in
`models/memory/prediction.py`); what the process held beside that, as the driver says (`CONTEXT` in
`models/gpu.py`); and all that is predicted beside all that was held.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

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
from models.gpu import computes_bfloat16
from models.heads import HEAD_OPTIONS
from models.memory import Peak, predict_peak
from models.model import Model
from models.optimisation import make_optimizer
from models.tasks import TASKS
from models.training import Recipe, train

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


def on_the_cpu(data: Prepared) -> None:
    """Predicted beside what the CPU's allocator gives out."""
    torch.set_num_threads(1)
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


def on_a_gpu(data: Prepared) -> None:
    """Predicted beside what is held there."""
    print("| head | backbone | predicted MB | tensors MB | ratio | reserved ÷ tensors |", end="")
    print(" beside MB | in all, predicted ÷ held |\n|---|---|---:|---:|---:|---:|---:|---:|")
    for number, (_, head, backbone) in enumerate(MODELS):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            real = process.submit(held, number, data).result()
        peak = real.predicted
        print(
            f"| {head} | {backbone} | {peak.tensors / 1e6:.0f} | {real.tensors / 1e6:.0f} "
            f"| {peak.tensors / real.tensors:.3f} | {real.reserved / real.tensors:.3f} "
            f"| {real.beside / 1e6:.0f} "
            f"| {peak.on_gpu / (real.reserved + real.beside):.3f} |",
            flush=True,
        )


class Held(NamedTuple):
    """Bytes on a GPU: the most in tensors, in the allocator's hands, and beside them."""

    predicted: Peak
    tensors: int
    reserved: int
    beside: int


def held(number: int, data: Prepared) -> Held:
    """Train one of `MODELS` for an epoch on the first GPU, on which nothing else may run."""
    device = torch.device("cuda", 0)
    before = torch.cuda.device_memory_used(device)
    task, head, backbone = MODELS[number]
    with torch.device("meta"):
        bare = model_of(task, head, backbone, data)
    half = computes_bfloat16(device)
    predicted = predict_peak(bare, RECIPE, data, gpu=True, bfloat16=half)
    model = model_of(task, head, backbone, data)
    training, validation = open_split(data, "train"), open_split(data, "val")
    for _ in train(model, TASKS[task], training, validation, RECIPE, device):
        pass
    reserved = torch.cuda.max_memory_reserved(device)
    beside = torch.cuda.device_memory_used(device) - before - torch.cuda.memory_reserved(device)
    return Held(predicted, torch.cuda.max_memory_allocated(device), reserved, beside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    sample = Dataset(name="landslide4sense", image_size=128, bands="all", min_area=2)
    data = prepare_dataset(sample, arguments.cache)
    if arguments.device == "cpu":
        on_the_cpu(data)
    else:
        on_a_gpu(data)


if __name__ == "__main__":
    main()
