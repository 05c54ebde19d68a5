"""What training takes: processor seconds for a megapixel of training images, by backbone and task.

    python benchmarks/training_cost.py

Trains each backbone for an epoch on the embedded sample of LandCover.ai at 256 px, from scratch, on
one core, and prints processor time, which other work on the machine hardly changes. Scored pixels
count as a third of a trained one. The numbers are kept in `datasets/drafts/costs.py`, from which
`python -m datasets sweep` estimates the hours of a budget.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from datasets import open_split
from datasets.augment.augmentation import Augmentation
from datasets.options import Dataset, prepare_dataset
from models.build import model_for
from models.heads import HEAD_OPTIONS
from models.tasks import TASKS
from models.training import Recipe, train

BACKBONES = (
    "resnet18",
    "efficientnet_b0",
    "resnet50",
    "swin_tiny_patch4_window7_224",
    "convnext_tiny",
)
FLIPS = Augmentation(symmetries=True, strengths={})
RECIPE = Recipe(1, 1e-4, "cosine", False, 8, "adamw", 0.05, 0.5, 5.0, FLIPS, {}, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    cache = parser.parse_args().cache
    torch.set_num_threads(1)
    data = prepare_dataset(Dataset(name="landcoverai", image_size=256, min_area=200), cache)
    training, validation = open_split(data, "train"), open_split(data, "val")
    megapixels = (len(training) + len(validation) / 3) * 256**2 / 1e6
    usual = {name: field.default for name, field in HEAD_OPTIONS.items()}
    for name, task in TASKS.items():
        for backbone in BACKBONES:
            config = {**usual, "backbone": backbone, "head": next(iter(task.heads))}
            model = model_for(name, config, data)
            start = time.process_time()
            for _ in train(model, task, training, validation, RECIPE, torch.device("cpu")):
                pass
            taken = time.process_time() - start
            print(f"{name:12}  {backbone:28}  {taken / megapixels:6.1f} s a megapixel", flush=True)


if __name__ == "__main__":
    main()
