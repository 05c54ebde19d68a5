"""How many copies of a training pay on one GPU: 1, 2, 4, 8 and 16 at once, without MPS and with it.

    python benchmarks/packing.py
    python benchmarks/packing.py --device cpu --copies 1 2

Each copy is a process that trains one of `MODELS` on the embedded sample of Landslide4Sense at
128 px, RGB, as a sweep would measure it (`models/gauge.py`). Prints the optimiser steps a second of
all copies together, over those of one, and how busy the GPU was at most, by NVML.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from datasets import Prepared, open_split
from datasets.augment.augmentation import Augmentation
from datasets.options import Dataset, prepare_dataset
from models.build import model_for
from models.gauge import turns
from models.heads import HEAD_OPTIONS
from models.tasks import TASKS
from models.training import Recipe
from sweeps.mps import CONTROL, mps

MODELS = (
    ("segmentation", "fpn", "resnet18"),
    ("segmentation", "fpn", "swin_tiny_patch4_window7_224"),
    ("detection", "faster_rcnn", "resnet18"),
)
FLIPS = Augmentation(symmetries=True, strengths={})
RECIPE = Recipe(1, 1e-4, "cosine", False, 16, "adamw", 0.05, 0.5, 5.0, FLIPS, {}, 0)
WAIT_S = 90


def copy(number: int, device: str, data: Prepared, threads: int, start: Barrier, said: Any) -> None:
    """Train one of `MODELS`: the warm-up, then a turn from the same moment as the other copies."""
    torch.set_num_threads(threads)
    task, head, backbone = MODELS[number]
    usual = {name: field.default for name, field in HEAD_OPTIONS.items()}
    model = model_for(task, {**usual, "head": head, "backbone": backbone}, data)
    training, validation = open_split(data, "train"), open_split(data, "val")
    taken = turns(model, TASKS[task], training, validation, RECIPE, torch.device(device))
    next(taken)
    start.wait(WAIT_S)
    said.put(next(taken))


def together(copies: int, number: int, device: str, data: Prepared) -> float:
    """Optimiser steps a second of all copies. queue.Empty: not all have come through."""
    context = get_context("spawn")
    start, said = context.Barrier(copies), context.Queue()
    threads = max(1, (os.cpu_count() or 1) // copies)
    arguments = (number, device, data, threads, start, said)
    running = [context.Process(target=copy, args=arguments) for _ in range(copies)]
    for process in running:
        process.start()
    try:
        return sum(said.get(timeout=2 * WAIT_S) for _ in running)
    finally:
        for process in running:
            process.terminate()
            process.join()


@contextmanager
def load_of(device: str) -> Iterator[Callable[[], str]]:
    """How busy the first GPU is at most within the block, in words."""
    seen: list[int] = []
    over = threading.Event()

    def follow() -> None:
        while not over.wait(0.5):
            seen.append(torch.cuda.utilization(0))

    following = threading.Thread(target=follow)
    if device == "cuda":
        following.start()
    try:
        yield lambda: f"{max(seen)} %" if seen else "–"
    finally:
        over.set()
        if device == "cuda":
            following.join()


@contextmanager
def shared_by_mps() -> Iterator[None]:
    """Processes that are started in the block share GPUs by the Multi-Process Service."""
    with tempfile.TemporaryDirectory(prefix="mps-") as folder, mps(Path(folder)) as variables:
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def show(how: str, device: str, data: Prepared, numbers: Sequence[int]) -> None:
    for number, (_, head, backbone) in enumerate(MODELS):
        alone = None
        for copies in numbers:
            with load_of(device) as load:
                try:
                    rate = together(copies, number, device, data)
                except Empty:
                    print(f"| {head} | {backbone} | {how} | {copies} | a copy has failed | | |")
                    break
            alone = alone or rate / copies
            print(
                f"| {head} | {backbone} | {how} | {copies} | {rate:.1f} | {rate / alone:.2f} "
                f"| {load()} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    arguments = parser.parse_args()
    sample = Dataset(name="landslide4sense", image_size=128, bands="rgb", min_area=32)
    data = prepare_dataset(sample, arguments.cache)
    print("| head | backbone | sharing | copies | steps a second | × one | busy |")
    print("|---|---|---|---:|---:|---:|---:|", flush=True)
    show("in turns", arguments.device, data, arguments.copies)
    if arguments.device == "cuda" and shutil.which(CONTROL):
        with shared_by_mps():
            show("MPS", arguments.device, data, arguments.copies)
    else:
        print(f"\nNot done with MPS: there is no {CONTROL}, or no GPU")


if __name__ == "__main__":
    main()
