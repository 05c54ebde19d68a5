"""Initial weights as stages of their own: which an arm needs, in what order, and making one.

A backbone's weights, or (source) a whole model's.

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
from torch import Tensor, nn

from datasets import Prepared, Split, open_split
from datasets.batches import Batch, batch_count, batches
from models.backbones import Backbone
from models.build import model_for, recipe_of
from models.pretraining import checkpoint, distillation, imagenet, mae, store
from models.pretraining.audit import Audit
from models.pretraining.training import Recipe, StageEpoch
from models.tasks import TASKS
from models.training import train
from runs.arms import Arm
from sweeps.resuming import ResumeFile, time_for_another
from sweeps.schema import Sweep
from sweeps.slots import Slots, device_name, limit_to_slot
from sweeps.space import Config, complete, settings_of

Kind = Literal["imagenet", "checkpoint", "mae", "teacher", "distillation", "source"]


@dataclass(frozen=True)
class Stage:
    """Weights for one backbone, and how they come to be.

    Attributes:
        name: `mae-resnet18`: the first part of the folder the weights are kept in.
        parts: everything that shapes the weights, in JSON types.
        data: what it is trained on, or which bands and size imported weights are brought to.
        parent: the stage whose weights this one starts from, or (a student) learns from.
        file: where imported weights lie; None for what is trained.
    """

    kind: Kind
    name: str
    backbone: str
    parts: dict[str, Any]
    data: Prepared
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


def stage_for(sweep: Sweep, data: Prepared, source: Prepared | None, arm: Arm) -> Stage | None:
    """The stage that gives `arm` its initial weights; None for scratch.

    Args:
        source: the data that a source model is trained on, where the sweep names any.

    Raises:
        WeightsUnavailableError: imported weights are not to be had; says which file to put where.
    """
    settings = settings_of(sweep, arm)
    if settings.pretraining == "source":
        assert source is not None
        return _source_stage(sweep, source, arm)
    return backbone_stage(sweep, data, settings.backbone, settings.pretraining)


def _source_stage(sweep: Sweep, source: Prepared, arm: Arm) -> Stage:
    """The whole model of an arm, trained on the source data: the same for all arms like it."""
    told = sweep.weights.source
    assert told is not None
    whole = complete(sweep, arm)
    config = {name: value for name, value in whole.items() if name not in sweep.variants}
    settled = {"lr": told.lr, "pretraining": told.pretraining, "frozen": False}
    config |= settled | {"epochs": sweep.budget.pretraining_epochs}
    parts = {
        "kind": "source",
        "task": sweep.task,
        "config": config,
        "data": source.fingerprint,
        "bands": list(source.bands),
        "image_size": source.image_size,
    }
    start = backbone_stage(sweep, source, config["backbone"], told.pretraining)
    return Stage("source", f"source-{config['backbone']}", config["backbone"], parts, source, start)


def backbone_stage(sweep: Sweep, data: Prepared, backbone: str, pretraining: str) -> Stage | None:
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
        return Stage("mae", f"mae-{backbone}", backbone, parts, data)
    if pretraining == "distillation":
        assert sweep.weights.distillation is not None
        recipe = sweep.weights.distillation.model_dump()
        start = recipe.pop("teacher")
        parent = backbone_stage(sweep, data, start["backbone"], start["pretraining"])
        alone = {key: recipe[key] for key in ("lr", "batch_size")}
        taught = {"kind": "teacher", "recipe": alone, **trained, "backbone": start["backbone"]}
        name = f"teacher-{start['backbone']}"
        teacher = Stage("teacher", name, start["backbone"], taught, data, parent)
        parts = {"kind": "distillation", "recipe": recipe, **trained}
        return Stage("distillation", f"distillation-{backbone}", backbone, parts, data, teacher)
    if pretraining == "imagenet":
        file = imagenet.locate(backbone, sweep.weights.imagenet.folder)
        kind: Kind = "imagenet"
    else:
        told = sweep.weights.checkpoints[pretraining]
        file = checkpoint.locate(told.file.format(backbone=backbone))
        kind = "checkpoint"
        common["stem_bands"] = told.bands
    digest = _content_of(file, file.stat().st_mtime_ns)
    rgb = list(data.rgb) if data.rgb else None
    parts = {"kind": kind, "file": digest, "rgb": rgb, **common}
    return Stage(kind, f"{pretraining}-{backbone}", backbone, parts, data, file=file)


@lru_cache
def _content_of(file: Path, _changed: int) -> str:
    """Hash of a file's content; many arms may name one file of a gigabyte."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def import_weights(stage: Stage, cache: Path) -> store.Stored:
    """Bring weights from a file to the backbone's bands and size, audited, into the store.

    Raises:
        WeightsDoNotFitError: naming the first tensors that do not fit.
        WeightsUnavailableError: the file cannot be read as weights.
    """
    assert stage.file is not None
    if stored := stage.stored(cache):
        return stored
    data = stage.data
    network = Backbone(stage.backbone, len(data.bands), data.image_size).network
    audit: Audit
    if stage.kind == "imagenet":
        audit = imagenet.load_imagenet(network, stage.file, rgb=data.rgb)
    else:
        made_for = stage.parts["stem_bands"]
        audit = checkpoint.load_checkpoint(
            network,
            stage.file,
            rgb=data.rgb,
            bands=data.bands,
            stem_bands=tuple(made_for) if made_for else None,
        )
    record = {**stage.parts, "audit": audit.sentence()}
    return store.save(cache, stage.name, stage.key, network.state_dict(), record)


def train_stage(
    stage: Stage, sweep: Sweep, cache: Path, slots: Slots, deadline: float | None
) -> Iterator[dict[str, float]]:
    """Train a stage and store its weights; yields each epoch's numbers as they come.

    The first to come is {"epoch": 0}: the stage holds its slot. Its parent's weights must be in
    the store. Out of time, it ends without weights, and goes on from there when it is called again.
    Runs in a Ray worker.

    Args:
        deadline: when it is to have ended, in seconds since the epoch; None for never. One epoch is
            always done, so that every slice of time gets on.
    """
    yield {"epoch": 0}
    device = limit_to_slot(slots)
    torch.manual_seed(sweep.seed)
    unfinished = ResumeFile(store.unfinished(cache, stage.name, stage.key))
    resume = unfinished.read(device)
    train_kind = _train_source if stage.kind == "source" else _train_backbone
    module, epochs = train_kind(stage, sweep, cache, device, resume)
    log = resume["log"] if resume else []
    for numbers, state in epochs:
        log.append(numbers)
        more = numbers["epoch"] < sweep.budget.pretraining_epochs
        cut = more and not time_for_another(deadline, numbers["seconds"])
        if cut or (more and unfinished.due()):
            unfinished.write({**state(), "log": log})
        yield numbers
        if cut:
            return
    record = {**stage.parts, "device": device_name(device), "epochs_log": log}
    store.save(cache, stage.name, stage.key, module.state_dict(), record)
    unfinished.file.unlink(missing_ok=True)


Resume = dict[str, Any] | None
Trained = tuple[nn.Module, Iterator[StageEpoch]]


def _train_source(
    stage: Stage, sweep: Sweep, cache: Path, device: torch.device, resume: Resume
) -> Trained:
    """A whole model on the source data; its weights are those of the last epoch, none is chosen."""
    config: Config = {**stage.parts["config"], "seed": sweep.seed}
    model = model_for(sweep.task, config, stage.data)
    if stage.parent:
        _stored(stage.parent, cache).load_into(model.backbone.network)
    training, validation = (open_split(stage.data, name) for name in ("train", "val"))
    recipe = recipe_of(config)

    def epochs() -> Iterator[StageEpoch]:
        for epoch in train(model, TASKS[sweep.task], training, validation, recipe, device, resume):
            if epoch.diverged:
                raise ArithmeticError("a loss or gradient was not finite; lower weights.source.lr")
            yield StageEpoch({"epoch": epoch.number, **epoch.metrics}, epoch.state)

    return model, epochs()


def _train_backbone(
    stage: Stage, sweep: Sweep, cache: Path, device: torch.device, resume: Resume
) -> Trained:
    """MAE, a teacher or its student, on the sweep's own data."""
    training = open_split(stage.data, "train")
    backbone = Backbone(stage.backbone, len(stage.data.bands), stage.data.image_size)
    if stage.kind == "mae":
        recipe = sweep.weights.mae
        return backbone.network, mae.pretrain(
            backbone,
            _Shuffled(training, recipe.batch_size, sweep.seed).images,
            _recipe(sweep, recipe.lr, training, recipe.batch_size),
            mask_ratio=recipe.mask_ratio,
            device=device,
            resume=resume,
        )
    taught = sweep.weights.distillation
    assert taught is not None
    plan = _recipe(sweep, taught.lr, training, taught.batch_size)
    labelled = _Shuffled(training, taught.batch_size, sweep.seed).labelled
    if stage.kind == "teacher":
        if stage.parent:
            _stored(stage.parent, cache).load_into(backbone.network)
        teacher = distillation.Classifier(backbone)
        return teacher, distillation.train_teacher(
            teacher, labelled, plan, device=device, resume=resume
        )
    return backbone.network, distillation.distil(
        backbone,
        _load_teacher(stage, cache),
        labelled,
        plan,
        temperature=taught.temperature,
        hard_weight=taught.hard_weight,
        device=device,
        resume=resume,
    )


def _load_teacher(stage: Stage, cache: Path) -> distillation.Classifier:
    assert stage.parent is not None
    backbone = Backbone(stage.parent.backbone, len(stage.data.bands), stage.data.image_size)
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
    """A training split, an epoch at a time, each shuffled and augmented in its own way."""

    def __init__(self, training: Split, batch_size: int, seed: int) -> None:
        self.training, self.batch_size, self.seed = training, batch_size, seed

    def images(self, epoch: int) -> Iterator[Tensor]:
        """Images [B, C, S, S], standardised."""
        for batch in self._batches(epoch):
            yield batch.images

    def labelled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images, and whether each holds an object [B], bool."""
        for batch in self._batches(epoch):
            yield batch.images, torch.tensor([len(boxes) > 0 for boxes in batch.boxes])

    def _batches(self, epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([self.seed, epoch])
        return batches(self.training, self.batch_size, rng=rng, augment=True)


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """All stages that `stages` need, each once, parents before children.

    Those that most others wait for come first: begun last, a teacher would leave slots empty.
    """
    lineages = [stage.lineage() for stage in stages]
    needed_by = Counter(stage.key for lineage in lineages for stage in lineage)
    once = {stage.key: stage for lineage in lineages for stage in lineage}
    return sorted(once.values(), key=lambda stage: -needed_by[stage.key])
