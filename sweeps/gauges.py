"""What was measured of trainings on a GPU: alone, and 2, 4, 8, … copies at once; kept for later.

A training is known by what shapes its memory and its pace, and not by its sweep: another sweep that
has it on the same card, driver and PyTorch does not measure again.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from datasets import Prepared
from models.architecture import architecture
from models.model import Model
from runs.arms import Arm
from runs.files import kept_json, write_text
from sweeps.cards import Card
from sweeps.schema import Sweep
from sweeps.shaping import OF_NO_PACE, largest_config, shaping

GAUGES = "gauges"
"""The folder, in the cache."""
VERSION = 1
"""Raise it when what is measured changes."""
GAIN = 1.1
"""Twice as many copies pay if all together are so much faster."""


@dataclass(frozen=True)
class Gauge:
    """What was measured of a training.

    Attributes:
        rates: optimiser steps a second of all copies together, by how many there were.
        reserved: bytes that PyTorch reserves in one, at the peak.
        context: bytes that its process takes beside.
    """

    rates: dict[int, float]
    reserved: int
    context: int

    @property
    def copies(self) -> int:
        """How many at once pay: each doubling up to there has made all together faster."""
        best = 1
        while self.rates.get(2 * best, 0.0) >= GAIN * self.rates[best]:
            best *= 2
        return best


@dataclass(frozen=True)
class Shape:
    """What a training is known by, as JSON."""

    text: str

    def file(self, cache: Path, card: Card) -> Path:
        """Where what was measured of it on a card is kept."""
        parts = [VERSION, asdict(card), torch.__version__, self.text]
        digest = blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()
        return cache / GAUGES / f"{digest}.json"


def shapes_of(
    sweep: Sweep, models: Mapping[Arm, Model], seen: Mapping[Arm, Prepared], cores: int
) -> dict[Arm, Shape]:
    """What the trainings of each arm are known by; arms that are not trained have none.

    Args:
        cores: that there are for each GPU, and that copies share.
    """
    return {
        arm: _shape(sweep, arm, model, seen[arm], cores)
        for arm, model in models.items()
        if largest_config(sweep, arm)["epochs"]
    }


def kept(cache: Path, shapes: Iterable[Shape], card: Card) -> dict[Shape, Gauge]:
    """What is known of trainings on a card."""
    found = {shape: kept_json(shape.file(cache, card), dict) for shape in set(shapes)}
    return {
        shape: TypeAdapter(Gauge).validate_python(content["gauge"])
        for shape, content in found.items()
        if content is not None
    }


def keep(cache: Path, shape: Shape, card: Card, gauge: Gauge) -> None:
    """Write what was measured of a training on a card."""
    file = shape.file(cache, card)
    file.parent.mkdir(parents=True, exist_ok=True)
    of = {"card": asdict(card), "torch": torch.__version__, "training": json.loads(shape.text)}
    write_text(file, json.dumps({**of, "gauge": asdict(gauge)}, indent=1))


def _shape(sweep: Sweep, arm: Arm, model: Model, data: Prepared, cores: int) -> Shape:
    largest = largest_config(sweep, arm)
    settings: dict[str, Any] = dict(shaping(sweep, arm, OF_NO_PACE))
    settings |= {name: largest[name] for name in ("batch_size", "ema", "frozen")}
    parts = {
        "task": sweep.task,
        "cores": cores,
        "architecture": architecture(model),
        **settings,
        "data": [len(data.bands), data.image_size, len(data.classes), sorted(data.labels)],
    }
    return Shape(json.dumps(parts, sort_keys=True))
