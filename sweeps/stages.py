"""Initial weights as stages of their own: which an arm needs, in what order, and making one.

A stage's key is a hash of all that shapes its weights, its parents' keys included. Whoever needs
the same weights later, in this sweep or the next, finds them by it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from datasets import Prepared, Split, open_split
from datasets.batches import batch_count, batches
from models.backbones import Backbone
from models.initial import checkpoint, distillation, imagenet, mae, store
from models.initial.audit import Audit
from models.initial.training import Recipe
from sweeps.schema import Sweep
from sweeps.slots import Slots, occupy

Kind = Literal["imagenet", "checkpoint", "mae", "teacher", "distillation"]


@dataclass(frozen=True)
class Stage:
    """Weights for one backbone, and how they come to be.

    Attributes:
        name: `mae-resnet18`: the first part of the folder the weights are kept in.
        parts: everything that shapes the weights, in JSON types.
        parent: the stage whose weights this one starts from (a teacher) or learns from (a student).
        file: where imported weights lie; None for what is trained.
    """

    kind: Kind
    name: str
    backbone: str
    parts: dict[str, Any]
    parent: "Stage | None" = None
    file: Path | None = None

    @property
    def key(self) -> str:
        """Hash of everything that shapes the weights."""
        parent = self.parent.key if self.parent else None
        return store.weights_key({**self.parts, "parent": parent})

    def stored(self, cache: Path) -> store.Stored | None:
        """The finished weights, if there are any."""
        return store.find(cache, self.name, self.key)

    def lineage(self) -> list["Stage"]:
        """This stage and those it needs, those first."""
        return [*(self.parent.lineage() if self.parent else []), self]


def stage_for(sweep: Sweep, data: Prepared, backbone: str, pretraining: str) -> Stage | None:
    """The stage that gives `backbone` its `pretraining`; None for scratch.

    Raises:
        WeightsUnavailableError: imported weights are not to be had; says which file to put where.
    """
    if pretraining == "scratch":
        return None
    common = {"backbone": backbone, "bands": list(data.bands), "image_size": data.image_size}
    trained = {
        **common,
        "data": data.fingerprint,
        "epochs": sweep.budget.pretraining_epochs,
        "seed": sweep.seed,
    }
    if pretraining == "mae":
        recipe = sweep.weights.mae.model_dump()
        parts = {"kind": "mae", "recipe": recipe, **trained}
        return Stage("mae", f"mae-{backbone}", backbone, parts)
    if pretraining == "distillation":
        assert sweep.weights.distillation is not None
        recipe = sweep.weights.distillation.model_dump()
        start = recipe.pop("teacher")
        parent = stage_for(sweep, data, start["backbone"], start["pretraining"])
        alone = {key: recipe[key] for key in ("lr", "batch_size")}
        taught = {"kind": "teacher", "recipe": alone, **trained, "backbone": start["backbone"]}
        name = f"teacher-{start['backbone']}"
        teacher = Stage("teacher", name, start["backbone"], taught, parent)
        parts = {"kind": "distillation", "recipe": recipe, **trained}
        return Stage("distillation", f"distillation-{backbone}", backbone, parts, teacher)
    if pretraining == "imagenet":
        file = imagenet.locate(backbone, sweep.weights.imagenet.folder)
        kind: Kind = "imagenet"
    else:
        named = sweep.weights.checkpoints[pretraining].file.format(backbone=backbone)
        file = checkpoint.locate(named)
        kind = "checkpoint"
    digest = _content_of(file, file.stat().st_mtime_ns)
    rgb = list(data.rgb) if data.rgb else None
    parts = {"kind": kind, "file": digest, "rgb": rgb, **common}
    return Stage(kind, f"{pretraining}-{backbone}", backbone, parts, file=file)


@lru_cache
def _content_of(file: Path, _changed: int) -> str:
    """Hash of a file's content; many arms may name one file of a gigabyte."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def import_weights(stage: Stage, data: Prepared, cache: Path) -> store.Stored:
    """Bring weights from a file to the backbone's bands and size, audited, into the store.

    Raises:
        WeightsDoNotFitError: naming the first tensors that do not fit.
        WeightsUnavailableError: the file cannot be read as weights.
    """
    assert stage.file is not None
    if stored := stage.stored(cache):
        return stored
    network = Backbone(stage.backbone, len(data.bands), data.image_size).network
    load = imagenet.load_imagenet if stage.kind == "imagenet" else checkpoint.load_checkpoint
    audit: Audit = load(network, stage.file, rgb=data.rgb)
    record = {**stage.parts, "audit": audit.sentence()}
    return store.save(cache, stage.name, stage.key, network.state_dict(), record)


def train_stage(
    stage: Stage, sweep: Sweep, data: Prepared, cache: Path, slots: Slots
) -> Iterator[dict[str, float]]:
    """Train a stage and store its weights; yields each epoch's numbers as they come.

    The first to come is {"epoch": 0}: the stage holds its slot. Its parent's weights must be in
    the store. Runs in a Ray worker.
    """
    yield {"epoch": 0}
    device = occupy(slots)
    seed = sweep.seed
    torch.manual_seed(seed)
    training = open_split(data, "train")
    backbone = Backbone(stage.backbone, len(data.bands), data.image_size)
    log = []
    if stage.kind == "mae":
        recipe = sweep.weights.mae
        plan = _recipe(sweep, recipe.lr, training, recipe.batch_size)
        epochs = mae.pretrain(
            backbone,
            _Shuffled(training, recipe.batch_size, seed).images,
            plan,
            mask_ratio=recipe.mask_ratio,
            device=device,
        )
        module: torch.nn.Module = backbone.network
    else:
        taught = sweep.weights.distillation
        assert taught is not None
        plan = _recipe(sweep, taught.lr, training, taught.batch_size)
        labelled = _Shuffled(training, taught.batch_size, seed).labelled
        if stage.kind == "teacher":
            if stage.parent:
                _stored(stage.parent, cache).load_into(backbone.network)
            module = distillation.Classifier(backbone)
            epochs = distillation.train_teacher(module, labelled, plan, device=device)
        else:
            module = backbone.network
            epochs = distillation.distil(
                backbone,
                _load_teacher(stage, data, cache),
                labelled,
                plan,
                temperature=taught.temperature,
                hard_weight=taught.hard_weight,
                device=device,
            )
    for epoch in epochs:
        log.append(epoch)
        yield epoch
    store.save(
        cache, stage.name, stage.key, module.state_dict(), {**stage.parts, "epochs_log": log}
    )


def _load_teacher(stage: Stage, data: Prepared, cache: Path) -> distillation.Classifier:
    assert stage.parent is not None
    backbone = Backbone(stage.parent.backbone, len(data.bands), data.image_size)
    teacher = distillation.Classifier(backbone)
    _stored(stage.parent, cache).load_into(teacher)
    return teacher


def _stored(stage: Stage, cache: Path) -> store.Stored:
    stored = stage.stored(cache)
    if stored is None:
        raise FileNotFoundError(f"the weights {stage.name}-{stage.key} are not under {cache}")
    return stored


def _recipe(sweep: Sweep, lr: float, training: Split, batch_size: int) -> Recipe:
    return Recipe(
        epochs=sweep.budget.pretraining_epochs,
        steps_per_epoch=batch_count(training, batch_size),
        lr=lr,
        seed=sweep.seed,
    )


class _Shuffled:
    """A training split, an epoch at a time, shuffled and augmented anew each time."""

    def __init__(self, training: Split, batch_size: int, seed: int) -> None:
        self.training, self.batch_size = training, batch_size
        self.rng = np.random.default_rng(seed)

    def images(self) -> Iterator[Tensor]:
        """Images [B, C, S, S], standardised."""
        for batch in batches(self.training, self.batch_size, rng=self.rng, augment=True):
            yield batch.images

    def labelled(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Images, and whether each holds an object [B], bool."""
        for batch in batches(self.training, self.batch_size, rng=self.rng, augment=True):
            yield batch.images, torch.tensor([len(boxes) > 0 for boxes in batch.boxes])


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """All stages that `stages` need, each once, parents before children.

    Those that most others wait for come first: begun last, a teacher would leave slots empty.
    """
    lineages = [stage.lineage() for stage in stages]
    needed_by = Counter(stage.key for lineage in lineages for stage in lineage)
    once = {stage.key: stage for lineage in lineages for stage in lineage}
    return sorted(once.values(), key=lambda stage: -needed_by[stage.key])
