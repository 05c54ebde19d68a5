"""Where the time of a training step and of scoring goes, for the arms of the landslide sample.

    python benchmarks/step.py                     milliseconds of each part, by backbone
    python benchmarks/step.py --device cuda       also how often a step waits for the GPU
    python benchmarks/step.py --against main      how many times faster than that revision, in turn

A step is one of `sweeps/landslide_backbones.yaml` on its sample: 64 px, two images, a pyramid of 64
channels, from random weights, on one thread. On the CPU, times are those of the processor, which
other work on the machine changes less. Every number is the least of several epochs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

# Last: `--against` has another revision on PYTHONPATH.
sys.path.append(str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from datasets import Prepared, open_split
from datasets.augment.augmentation import Augmentation
from datasets.batches import batches
from datasets.options import Dataset, prepare_dataset
from models import training as loop
from models.build import model_for
from models.features import unfed
from models.heads import HEAD_OPTIONS
from models.model import Model
from models.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
BACKBONES = (
    "resnet18",
    "efficientnet_b0",
    "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
)
FLIPS = Augmentation(symmetries=True, strengths={})
RECIPE = loop.Recipe(99, 1e-3, "cosine", False, 2, "adamw", 0.05, 0.5, 5.0, FLIPS, {}, 0)
TASK = TASKS["detection"]
WAITS = "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize"


class Arm:
    """A backbone with its detector, trained and scored an epoch at a time."""

    def __init__(self, backbone: str, data: Prepared, device: torch.device) -> None:
        self.training, self.validation = open_split(data, "train"), open_split(data, "val")
        self.device, self.epoch = device, 0
        self.steps = len(loop.optimiser_steps(self.training, RECIPE))
        usual = {name: field.default for name, field in HEAD_OPTIONS.items()}
        own = {"backbone": backbone, "head": "faster_rcnn", "pyramid_channels": 64}
        torch.manual_seed(0)
        self.model = model_for("detection", usual | own, data).to(device)
        self.trained = loop._begin(self.model, RECIPE, self.steps)
        self.losses: list[float] = []

    def train(self) -> None:
        self.epoch += 1
        of_epoch = loop._train_epoch(
            self.trained, self.training, RECIPE, self.epoch, self.device, unfed
        )
        self.losses.append(of_epoch["loss"])

    def score(self) -> None:
        loop.score(self.model, TASK, self.validation, RECIPE.batch_size, self.device)

    def prepare(self) -> None:
        rng = np.random.default_rng(0)
        for _ in batches(self.training, RECIPE.batch_size, rng=rng, augment=True):
            pass

    def times(self) -> dict[str, float]:
        """Milliseconds of a step, and of scoring an image."""
        return {
            "step": 1000 * seconds(self.train, self.device) / self.steps,
            "score": 1000 * seconds(self.score, self.device) / len(self.validation),
        }

    def split(self) -> dict[str, float]:
        """Milliseconds of a step's parts; what is none of them is the optimiser and the loop."""
        with timed_parts(type(self.model), self.device) as parts:
            whole = seconds(self.train, self.device)
        parts["optimiser"] = whole - sum(parts.values())
        parts["prepare, alone"] = seconds(self.prepare, self.device)
        return {name: 1000 * taken / self.steps for name, taken in parts.items()}

    def waits(self) -> float:
        """How often a step waits for the GPU."""
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
            self.train()
        found = sum(event.count for event in seen.key_averages() if event.key in WAITS)
        return found / self.steps


def now(device: torch.device) -> float:
    """Seconds: of this thread on the CPU; elsewhere of the wall, when the device is done."""
    if device.type == "cpu":
        return time.thread_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds(work: Callable[[], object], device: torch.device) -> float:
    start = now(device)
    work()
    return now(device) - start


@contextmanager
def timed_parts(head: type[Model], device: torch.device) -> Iterator[dict[str, float]]:
    """Collects seconds: until a batch is there, forward and backward."""
    taken: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*inputs: Any, **options: Any) -> Any:
            start = now(device)
            try:
                return function(*inputs, **options)
            finally:
                taken[name] += now(device) - start

        return run

    given = loop.training_batches

    def fed(*inputs: Any) -> Iterator[Any]:
        data = given(*inputs)
        following = timed("batch", lambda: next(data, None))
        while (batch := following()) is not None:
            yield batch

    with (
        patch.object(loop, "training_batches", fed),
        patch.object(head, "losses", timed("forward", head.losses)),
        patch.object(torch.Tensor, "backward", timed("backward", torch.Tensor.backward)),
    ):
        yield taken


def least(each: list[dict[str, float]]) -> dict[str, float]:
    return {name: min(one[name] for one in each) for name in each[0]}


def print_splits(data: Prepared, device: torch.device, epochs: int) -> None:
    for backbone in BACKBONES:
        arm = Arm(backbone, data, device)
        arm.train()
        parts = least([arm.split() for _ in range(epochs)])
        parts |= least([arm.times() for _ in range(epochs)])
        if device.type == "cuda":
            parts["waits"] = arm.waits()
        print(f"{backbone:28}", *(f"{name} {one:.1f}" for name, one in parts.items()), sep="  ")


def serve(data: Prepared, device: torch.device) -> None:
    """Answer each backbone's name with a line of its times."""
    arms: dict[str, Arm] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in arms:
            arms = {name: Arm(name, data, device)}
            arms[name].train()
        answer = arms[name].times() | {"loss": arms[name].losses[0]}
        print(json.dumps(answer), flush=True)


def print_ratios(revision: str, options: argparse.Namespace) -> None:
    """Times of `revision` divided by ours, each process an epoch in turn."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run((*git, "add", "--detach", str(tree), revision), check=True)
        try:
            before, after = (_served(root, options) for root in (tree, ROOT))
            for backbone in BACKBONES:
                turns = [
                    [_ask(one, backbone) for one in (before, after)] for _ in range(options.epochs)
                ]
                old, new = (least(list(one)) for one in zip(*turns, strict=True))
                ratios = (f"{part} {old[part] / new[part]:.2f} x" for part in ("step", "score"))
                losses = f"first epoch's loss {old['loss']:.6f} {new['loss']:.6f}"
                print(f"{backbone:28}", *ratios, losses, sep="  ", flush=True)
            for one in (before, after):
                one.communicate()
        finally:
            subprocess.run((*git, "remove", "--force", str(tree)), check=True)


def _served(root: Path, options: argparse.Namespace) -> "subprocess.Popen[str]":
    # One arena, as a worker of a sweep has.
    own = {"PYTHONPATH": str(root), "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, __file__, "--serve", "--device", options.device]
    return subprocess.Popen(
        [*command, "--cache", str(options.cache)],
        env=os.environ | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(process: "subprocess.Popen[str]", backbone: str) -> dict[str, float]:
    assert process.stdin is not None and process.stdout is not None
    print(backbone, file=process.stdin, flush=True)
    answer: dict[str, float] = json.loads(process.stdout.readline())
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--against", metavar="REVISION")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--serve", action="store_true", help="for --against itself")
    options = parser.parse_args()
    if options.against:
        print_ratios(options.against, options)
        return
    torch.set_num_threads(1)
    sample = Dataset(name="landslide4sense", bands="rgb", image_size=64, min_area=8)
    data = prepare_dataset(sample, options.cache)
    device = torch.device(options.device)
    if options.serve:
        serve(data, device)
    else:
        print_splits(data, device, options.epochs)


if __name__ == "__main__":
    main()
