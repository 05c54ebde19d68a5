"""What a first sweep compares, tunes and fixes, and for how long."""

from collections.abc import Mapping
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from datasets.describe import Description
from datasets.drafts.choices import task_of
from datasets.drafts.costs import SECONDS
from datasets.drafts.written import Key, Section
from datasets.options import Dataset

RARE, VERY_RARE = 0.10, 0.02
"""Shares of the pixels below which a class is given weight, or a loss that looks at overlap."""

LITTLE, MUCH = 50, 1000
"""Megapixels of training images."""

STEPS = 3000
"""Steps of the optimiser that a trial is given, within limits of epochs."""

EPOCHS = (10, 60)
TRIALS_AN_ARM = 4
FACTOR = 3
REPEATS = {"top": 3, "seeds": 3}


class Amount(NamedTuple):
    """How much there is to train on: images, and megapixels of an epoch."""

    images: int
    megapixels: float


def study(found: Description, options: Dataset, counts: Mapping[str, int]) -> list[Section | Key]:
    """What is compared, tuned and fixed, and for how long.

    Args:
        counts: images in each split, as the sweep will train on them.
    """
    pixels = options.image_size**2 / 1e6
    amount = Amount(counts["train"], (counts["train"] + counts["val"] / 3) * pixels)
    task = task_of(found)
    backbones, pretraining = _arms(amount)
    compare = [
        Key("backbone", backbones, _about_backbones(amount)),
        Key("pretraining", pretraining, _about_pretraining(pretraining)),
    ]
    batch = int(np.clip(2 ** np.floor(np.log2(max(1, amount.images / 8))), 2, 8))
    fixed = [
        Key("batch_size", batch, f"{amount.images} training images of {options.image_size} px"),
        *_imbalance(found, task),
    ]
    rate = "the one setting that matters everywhere: searched in each arm"
    return [
        Section(
            "compare", "The question: each combination is an arm, a row of the table.", compare
        ),
        Section(
            "tune",
            "",
            [Key("lr", {"log_uniform": [1e-4, 1e-3]}, rate)],
        ),
        Section("fixed", "The same in every trial.", fixed),
        *_budget(task, backbones, len(pretraining), amount, batch),
    ]


def _arms(amount: Amount) -> tuple[list[str], list[str]]:
    if amount.megapixels < LITTLE:
        return ["resnet18", "efficientnet_b0"], ["imagenet", "scratch"]
    if amount.megapixels < MUCH:
        three = ["resnet18", "efficientnet_b0", "swin_tiny_patch4_window7_224"]
        return three, ["imagenet", "scratch"]
    return ["resnet50", "swin_tiny_patch4_window7_224", "convnext_tiny"], ["imagenet", "mae"]


def _about_backbones(amount: Amount) -> str:
    there = f"{amount.megapixels:,.1f} megapixels an epoch"
    if amount.megapixels < LITTLE:
        return f"small ones: {there} are little, and train on a processor"
    if amount.megapixels < MUCH:
        return f"small to middling, for {there}"
    return f"{there} are enough for larger ones"


def _about_pretraining(kinds: list[str]) -> str:
    if "mae" in kinds:
        return "the usual weights, or weights made on your own images first"
    return "is it worth starting from pretrained weights?"


def _imbalance(found: Description, task: str) -> list[Key]:
    """Class weights, or another loss, where labels ask for them."""
    if found.survey.multi_label:
        return [Key("loss", "bce", "an image may have several classes: each is told by itself")]
    if task != "segmentation":
        return []
    classes = found.survey.listing.classes
    pixels = found.survey.all_pixels[: 1 + len(classes)]
    shares = pixels[1:] / max(1, pixels.sum())
    rarest = int(np.argmin(np.where(shares > 0, shares, np.inf)))
    share = f"{shares[rarest]:.1%} of the pixels are {classes[rarest]}"
    if shares[rarest] < VERY_RARE:
        return [Key("loss", "cross_entropy+dice", f"{share}: dice counts every class alike")]
    if shares[rarest] < RARE:
        return [Key("class_weights", "median_frequency", f"{share}: rare pixels weigh more")]
    return []


def _budget(
    task: str, backbones: list[str], kinds: int, amount: Amount, batch: int
) -> list[Section | Key]:
    arms = len(backbones) * kinds
    epochs = int(np.clip(round(STEPS * batch / max(1, amount.images)), *EPOCHS))
    grace = max(1, ceil(epochs / (FACTOR**2 - 1)))
    trials = arms * TRIALS_AN_ARM
    trained = _epochs_trained(trials, arms, epochs, grace)
    trained += min(REPEATS["top"], arms) * REPEATS["seeds"] * epochs
    each = np.mean([getattr(SECONDS[name], task) for name in backbones]) * amount.megapixels
    hours = trained * each / 3600
    estimate = (
        f"Some {trained:,.0f} epochs of {amount.megapixels:,.1f} megapixels are trained in all:"
        f" about {_about(float(hours))} hours of one processor core, divided by the slots; much"
        " less on a GPU. budget.hours would stop after that time, and --resume continues."
    )
    keys = [
        Key("trials", trials, f"{TRIALS_AN_ARM} for each of {arms} arms"),
        Key("epochs", epochs, f"some {STEPS:,} steps, but {EPOCHS[0]} to {EPOCHS[1]} epochs"),
    ]
    if kinds and amount.megapixels >= MUCH:
        keys.append(Key("pretraining_epochs", 50, "of weights that are made on your images"))
    rungs: dict[str, Any] = {"name": "asha", "grace_epochs": grace, "factor": FACTOR}
    return [
        Section("budget", estimate, keys),
        Key("scheduler", rungs, f"trials pause from epoch {grace} on; the best third continue"),
        Key(
            "resources",
            {"gpu": 0.25, "cpu": 1},
            "four trials share a GPU; without one, a core each",
        ),
        Key("repeats", REPEATS, "the best arms again under other seeds: is the first better?"),
        Key("unavailable", "skip", "arms whose weights cannot be had are left out, and said"),
        Key("seed", 0, "of the search and the trials"),
    ]


def _epochs_trained(trials: int, arms: int, epochs: int, grace: int) -> float:
    """From rung to rung a third continue, and the best of every arm to its end."""
    total, start, left = 0.0, 0, float(trials)
    for end in (grace, grace * FACTOR, grace * FACTOR**2, epochs):
        total += max(0, min(end, epochs) - start) * max(left, arms)
        start, left = min(end, epochs), left / FACTOR
    return total


def _about(hours: float) -> str:
    return f"{hours:.1f}" if hours < 10 else f"{hours:,.0f}"
