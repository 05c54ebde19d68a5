"""A stage: weights of one kind for one backbone, and what they are made from."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from datasets import Prepared
from datasets.options import Dataset
from models.backbones import Backbone
from models.backbones.published import Published
from models.pretraining import store
from models.pretraining.audit import Audit
from models.pretraining.training import StageEpoch
from runs.sections import Section

Resume = Mapping[str, Any] | None


class Trained(NamedTuple):
    """A training in progress: the module whose weights are kept, and its epochs."""

    module: nn.Module
    epochs: Iterator[StageEpoch]


@dataclass(frozen=True)
class Request:
    """What an arm asks of a kind of initial weights.

    Attributes:
        name: how the sweep calls the weights.
        backbone: name of the network, `SOURCE/NAME` or timm's.
        options: the kind's section of the sweep file.
        data: what the weights are made on or brought to.
        epochs: how long a stage is trained.
        seed: of the sweep.
        task: of the sweep.
        config: the arm's whole flat configuration; settings that are tuned are at their middle.
        prepare: finds and decodes other data.
        start: the stage of (backbone, initial weights, data), for a kind that needs another one
            first; None for scratch.
    """

    name: str
    backbone: str
    options: Any
    data: Prepared
    epochs: int
    seed: int
    task: str
    config: Mapping[str, Any]
    prepare: Callable[[Dataset], Prepared]
    start: Callable[[str, str, Prepared], "Stage | None"]

    @property
    def slug(self) -> str:
        """The backbone's name as part of a file's."""
        return self.backbone.replace("/", "-")

    def title(self, kind: str, backbone: str | None = None) -> str:
        """`mae-resnet18`, with the bands and size that are the arm's own: `mae-resnet18-rgb-64px`.

        Args:
            backbone: None for the request's.
        """
        bands, size = self.config.get("bands"), self.config.get("image_size")
        own = [*([bands] if bands else []), *([f"{size}px"] if size else [])]
        return "-".join([kind, (backbone or self.backbone).replace("/", "-"), *own])

    def parts(self, kind: str) -> dict[str, Any]:
        """What shapes the weights of every kind: part of their key."""
        parts = {
            "kind": kind,
            "backbone": self.backbone,
            "bands": list(self.data.bands),
            "image_size": self.config.get("image_size") or self.data.image_size,
        }
        if "/" in self.backbone:  # of timm's networks, the number of bands is all
            parts["spectrum"] = [list(band) for band in self.data.spectrum]
        if (missing := self.config.get("missing_bands", "error")) != "error":
            parts["missing_bands"] = missing
        return parts

    def trained_parts(
        self, kind: str, recipe: Section | Mapping[str, Any], data: Prepared | None = None
    ) -> dict[str, Any]:
        """The same of weights that are trained on `data`; None: on the data of the request."""
        return {
            **self.parts(kind),
            "recipe": recipe.model_dump() if isinstance(recipe, Section) else dict(recipe),
            "data": (data or self.data).fingerprint,
            "epochs": self.epochs,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Stage:
    """Weights of one kind for one backbone, trained (`train`) or read from a file (`load`).

    Attributes:
        kind: how the weights are made: mae, teacher, ….
        name: `mae-resnet18`: the first part of the folder that the weights are kept in.
        parts: everything that shapes the weights, in JSON types.
        data: what it is trained on, or which bands and size imported weights are brought to.
        parent: the stage whose weights this one starts from, or (a student) learns from.
        train: begins or resumes the training, given the device, the cache and what an earlier part
            left. Everything that shapes the weights is in `parts`, and so in the key.
        load: fills a network in place.
        published: what their source says of weights from a file; None where there is no source.
    """

    kind: str
    name: str
    backbone: str
    parts: dict[str, Any]
    data: Prepared
    parent: "Stage | None" = None
    train: "Callable[[Stage, torch.device, Path, Resume], Trained] | None" = None
    load: "Callable[[Stage, nn.Module], Audit] | None" = None
    published: Published | None = None

    def new_backbone(self) -> Backbone:
        """The backbone, its weights at random, for the images of `data`."""
        missing = self.parts.get("missing_bands", "error")
        return Backbone(self.backbone, self.data.spectrum, self.image_size, missing)

    @property
    def image_size(self) -> int:
        """Side in pixels of the images that the network is made for."""
        return int(self.parts["image_size"])

    @property
    def key(self) -> str:
        """Hash of everything that shapes the weights."""
        parent = self.parent.key if self.parent else None
        return store.weights_key({**self.parts, "parent": parent})

    def stored(self, cache: Path) -> store.Stored | None:
        """The finished weights, if there are any."""
        return store.find(cache, self.name, self.key)

    def finished(self, cache: Path) -> store.Stored:
        """The finished weights. FileNotFoundError: they have not been made."""
        stored = self.stored(cache)
        if stored is None:
            raise FileNotFoundError(f"the weights {self.name}-{self.key} are not in {cache}")
        return stored

    def lineage(self) -> list["Stage"]:
        """This stage and those that it needs, those first."""
        return [*(self.parent.lineage() if self.parent else []), self]


def file_parts(request: Request, kind: str, file: Path) -> dict[str, Any]:
    """What shapes weights that are read from `file`: part of their key."""
    rgb = list(request.data.rgb) if request.data.rgb else None
    digest = _digest(file, file.stat().st_mtime_ns)
    return {**request.parts(kind), "file": digest, "rgb": rgb}


@lru_cache
def _digest(file: Path, _changed: int) -> str:
    """SHA-256 of a file's content; many arms may name one file of a gigabyte."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
