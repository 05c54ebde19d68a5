"""Checks of a sweep beyond its types: keys that do not fit together, names that do not exist."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from datasets import DATASETS, DataError, resolve_bands
from models.losses.class_weights import check_class_weights
from models.losses.names import LOSS_PREFIX, check_loss
from runs.arms import Arm
from runs.errors import did_you_mean
from sweeps.faults import Fault, Key
from sweeps.schema import (
    HEAD_OPTIONS,
    Checkpoint,
    Dataset,
    Domain,
    Settings,
    Sweep,
    is_setting,
    setting_adapter,
    typed,
)

ARM_SETTINGS = ("backbone", "pretraining", "head", "loss", "epochs")
"""Settings that decide which weights are made, which losses there are and how long a trial is."""

PRETRAINING = ("scratch", "imagenet", "mae", "distillation", "source")


def keys_at_fault(sweep: Sweep) -> list[Fault]:
    """Faults in the keys and values of `compare`, `tune` and `fixed`, and between sections."""
    faults = [*_variant_faults(sweep)]
    if not faults:
        faults = [*_settings_faults(sweep), *_budget_faults(sweep)]
    faults += _dataset_faults(sweep.dataset, ("dataset",))
    if sweep.weights.source is not None:
        place: Key = ("weights", "source", "dataset")
        source = sweep.weights.source.dataset
        faults += _dataset_faults(source, place)
        if (source.root is None) != (sweep.dataset.root is None):
            message = "give a root here and under dataset, or (for the samples) in neither place"
            faults.append(Fault((*place, "root"), message))
    return faults


def names_at_fault(sweep: Sweep) -> list[Fault]:
    """Faults in the names of task, metric, head, backbones, losses and initial weights."""
    from models.tasks import TASKS

    if sweep.task not in TASKS:
        hint = did_you_mean(sweep.task, TASKS)
        return [Fault(("task",), f"there is no task '{sweep.task}'{hint}")]
    task = TASKS[sweep.task]
    labels = DATASETS[sweep.dataset.name].labels
    if task.needs not in labels and "masks" not in labels:
        message = f"{sweep.task} needs {task.needs}, and {sweep.dataset.name} has none"
        return [Fault(("dataset", "name"), message)]
    faults = [*_metric_faults(sweep)]
    for key, head in values_of(sweep, "head"):
        if head is not None and head not in task.heads:
            hint = did_you_mean(str(head), task.heads)
            faults.append(Fault(key, f"{sweep.task} has no head '{head}'{hint}"))
    faults = faults or [*_loss_faults(sweep)] or [*_head_faults(sweep)]
    return [*faults, *_backbone_faults(sweep), *_pretraining_faults(sweep)]


def setting_keys(sweep: Sweep) -> Iterator[Key]:
    """The key of each setting: ("compare", "backbone"), ("tune", "lr"), …"""
    for section in ("compare", "tune", "fixed"):
        for name in getattr(sweep, section):
            if section != "compare" or name not in sweep.variants:
                yield section, name
    for factor, choices in sweep.variants.items():
        for choice, settings in choices.items():
            for name in settings:
                yield "variants", factor, choice, name


def values_of(sweep: Sweep, setting: str) -> Iterator[tuple[Key, Any]]:
    """Every value that `setting` can take, with its key."""
    for index, value in enumerate(sweep.compare.get(setting, [])):
        yield ("compare", setting, index), value
    if setting in sweep.tune:
        for index, value in enumerate(_domain_values(sweep.tune[setting])):
            yield ("tune", setting, "choice", index), value
    if setting in sweep.fixed:
        yield ("fixed", setting), sweep.fixed[setting]
    for factor, choices in sweep.variants.items():
        for choice, settings in choices.items():
            if setting in settings:
                yield ("variants", factor, choice, setting), settings[setting]


def _domain_values(domain: Domain) -> list[Any]:
    return list(domain.choice or domain.uniform or domain.log_uniform or ())


def _variant_faults(sweep: Sweep) -> Iterator[Fault]:
    """Each choice of a factor needs a variant, and no two factors may give the same setting."""
    given: dict[str, str] = {}
    for factor, choices in sweep.variants.items():
        if is_setting(factor):
            yield Fault(("variants", factor), "this is the name of a setting: rename the factor")
        if factor not in sweep.compare:
            hint = did_you_mean(factor, sweep.compare)
            yield Fault(("variants", factor), f"compare has no factor '{factor}'{hint}")
        for index, choice in enumerate(sweep.compare.get(factor, [])):
            if choice not in choices:
                message = f"variants.{factor} has no '{choice}'{did_you_mean(str(choice), choices)}"
                yield Fault(("compare", factor, index), message)
        for name in dict.fromkeys(name for settings in choices.values() for name in settings):
            if name in given or name in sweep.compare:
                other = given.get(name, name)
                message = f"{name} is also given by compare.{other}: remove it from one of the two"
                yield Fault(("variants", factor), message)
            given[name] = factor


def _settings_faults(sweep: Sweep) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for key in setting_keys(sweep):
        section, name = str(key[0]), str(key[-1])
        if not is_setting(name):
            known = [*Settings.model_fields, *HEAD_OPTIONS, f"{LOSS_PREFIX}NAME", *sweep.variants]
            yield Fault(key, "there is no such setting" + did_you_mean(name, known))
            continue
        if section != "variants":
            if name in seen:
                yield Fault(key, _given_twice(sweep, name, seen[name], section))
            seen[name] = section
        if section == "tune":
            if name in ARM_SETTINGS:
                yield Fault(key, "this setting defines an arm: move it to compare or fixed")
            choices = [typed(name, value) for value in _domain_values(sweep.tune[name])]
            if len(set(map(repr, choices))) < len(choices):
                yield Fault(key, "a choice is listed twice")
    for name in dict.fromkeys(str(key[-1]) for key in setting_keys(sweep)):
        for key, value in values_of(sweep, name) if is_setting(name) else ():
            if message := _value_fault(name, value):
                yield Fault(key, message)
    for name, field in Settings.model_fields.items():
        if field.is_required() and name not in seen and not _given_by_variants(sweep, name):
            yield Fault((name,), "this setting is missing: add it under compare, tune or fixed")


def _given_twice(sweep: Sweep, name: str, first: str, second: str) -> str:
    """What to do about a setting that stands in two sections."""
    message = f"{name} is also given under {first}: remove {first}.{name} or {second}.{name}"
    if (first, second) == ("tune", "fixed"):
        only = f"{{choice: [{sweep.fixed[name]}]}}"
        message += f" (on the command line, tune.{name}='{only}' fixes the value)"
    return message


def _given_by_variants(sweep: Sweep, name: str) -> bool:
    """Whether every choice of some factor gives `name`."""
    return any(
        all(name in choices[str(choice)] for choice in sweep.compare[factor])
        for factor, choices in sweep.variants.items()
    )


def _value_fault(name: str, value: Any) -> str | None:
    """What is wrong with `value` for the setting `name`, in a sentence."""
    if name.startswith(LOSS_PREFIX):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        good = number and 0 <= value < math.inf
        return None if good else f"the weight of a loss is a number from 0, not {value!r}"
    try:
        setting_adapter(name).validate_python(value)
    except ValidationError as error:
        return f"{error.errors()[0]['msg'].replace('Input should', 'this should')}, not {value!r}"
    return None


def _budget_faults(sweep: Sweep) -> Iterator[Fault]:
    trials = sweep.budget.trials
    arms = math.prod(len(values) for values in sweep.compare.values())
    if sweep.allocation == "equal" and trials < arms:
        yield Fault(
            ("budget", "trials"),
            f"{trials} trials are too few for {arms} arms with the same number each: raise it to "
            f"{arms}, or set allocation to adaptive",
        )
    ranges = [name for name, domain in sweep.tune.items() if domain.choice is None]
    if sweep.sampler.name == "grid" and ranges:
        yield Fault(("tune", ranges[0]), "the grid sampler needs a choice here, not a range")
    if not ranges:
        choices = [len(domain.choice) for domain in sweep.tune.values() if domain.choice]
        points = arms * math.prod(choices)
        if sweep.sampler.name == "grid" and trials < points:
            message = f"the grid has {points} points: raise it to {points}"
            yield Fault(("budget", "trials"), message)
        if trials > points:
            message = f"there are only {points} different configurations: lower it to {points}"
            yield Fault(("budget", "trials"), message)
    if sweep.scheduler.name != "none":
        yield from _scheduler_faults(sweep)


def _scheduler_faults(sweep: Sweep) -> Iterator[Fault]:
    named = {value for _, value in values_of(sweep, "epochs")}
    if len(named) > 1 and sweep.allocation == "adaptive":
        message = "arms with different epochs cannot be compared before they end: set it to none"
        yield Fault(("scheduler", "name"), message)
    grace = sweep.scheduler.grace_epochs
    epochs = max([sweep.budget.epochs, *(value for value in named if isinstance(value, int))])
    if grace > epochs:
        message = f"no trial has {grace} epochs: lower it to at most {epochs}, the longest trial"
        yield Fault(("scheduler", "grace_epochs"), message)


def _dataset_faults(dataset: Dataset, section: Key) -> Iterator[Fault]:
    name = dataset.name
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS)
        yield Fault((*section, "name"), f"there is no data set '{name}'{hint}")
        return
    root = dataset.root
    if root is not None and not root.is_dir():
        yield Fault((*section, "root"), f"there is no folder {root} (null is the embedded sample)")
    if dataset.tile is not None and not DATASETS[name].tiled:
        yield Fault((*section, "tile"), f"{name} has images of one size: remove this key")
    try:
        resolve_bands(DATASETS[name], dataset.bands)
    except DataError as error:
        yield Fault((*section, "bands"), str(error))


def _metric_faults(sweep: Sweep) -> Iterator[Fault]:
    """Names of metrics; the class in `IoU/water` is checked in the plan, with the data."""
    from models.tasks import TASKS

    task = TASKS[sweep.task]
    known = list(task.metrics)
    if "footprints" in DATASETS[sweep.dataset.name].labels:
        known += task.footprint_metrics
    kind, slash, _ = sweep.metric.partition("/")
    if sweep.metric not in known and not (slash and kind in task.class_metrics):
        shown = [*known, *(f"{kind}/CLASS" for kind in task.class_metrics)]
        hint = did_you_mean(sweep.metric, shown)
        yield Fault(("metric",), f"{sweep.task} has no metric '{sweep.metric}'{hint}")
    for index, row in enumerate(sweep.references.rows if sweep.references else ()):
        for factor in row.arm.keys() - sweep.compare.keys():
            key: Key = ("references", "rows", index, "arm", factor)
            message = f"compare has no factor '{factor}'{did_you_mean(factor, sweep.compare)}"
            yield Fault(key, message)
        for name in row.scores:
            if name not in known and name.partition("/")[0] not in task.class_metrics:
                key = ("references", "rows", index, "scores", name)
                message = f"{sweep.task} has no metric '{name}'{did_you_mean(name, known)}"
                yield Fault(key, message)


def _loss_faults(sweep: Sweep) -> Iterator[Fault]:
    for name, check in (("loss", check_loss), ("class_weights", check_class_weights)):
        for key, value in values_of(sweep, name):
            try:
                check(value)
            except ValueError as error:
                yield Fault(key, str(error))


def _head_faults(sweep: Sweep) -> Iterator[Fault]:
    """Options and loss weights that no arm's head knows."""
    from sweeps.space import applies, arms_of

    arms = arms_of(sweep)
    for key in setting_keys(sweep):
        name = str(key[-1])
        if name not in Settings.model_fields and not any(applies(sweep, name, a) for a in arms):
            if name.startswith(LOSS_PREFIX):
                term = name.removeprefix(LOSS_PREFIX)
                known = sorted({term for arm in arms for term in _terms(sweep, arm)})
                yield Fault(key, f"no arm has a loss '{term}'{did_you_mean(term, known)}")
            else:
                yield Fault(key, "no arm has a head with this option")


def _terms(sweep: Sweep, arm: Arm) -> tuple[str, ...]:
    from models.tasks import TASKS
    from sweeps.space import head_of, options_of

    return TASKS[sweep.task].heads[head_of(sweep, arm)].terms(options_of(sweep, arm))


def _backbone_faults(sweep: Sweep) -> Iterator[Fault]:
    import torch

    from models.backbones import Backbone, UnknownBackboneError, check_backbone

    named = list(values_of(sweep, "backbone"))
    if sweep.weights.distillation is not None:
        key: Key = ("weights", "distillation", "teacher", "backbone")
        named.append((key, sweep.weights.distillation.teacher.backbone))
    for nickname, checkpoint in sweep.weights.checkpoints.items():
        if checkpoint.backbone is not None:
            key = ("weights", "checkpoints", nickname, "backbone")
            named.append((key, checkpoint.backbone))
    for key, name in named:
        try:
            check_backbone(name)
            with torch.device("meta"):  # its shapes, without its weights
                Backbone(name, 3, sweep.dataset.image_size)
        except UnknownBackboneError as error:
            yield Fault(key, str(error))


def _pretraining_faults(sweep: Sweep) -> Iterator[Fault]:
    weights = sweep.weights
    known = [*PRETRAINING, *weights.checkpoints]
    named = list(values_of(sweep, "pretraining"))
    for key, name in _starts_of_stages(sweep):
        named.append((key, name))
        if name in ("distillation", "source"):
            yield Fault(key, "it starts from scratch, imagenet, mae or a checkpoint itself")
    for key, name in named:
        if name not in known:
            hint = did_you_mean(name, known)
            yield Fault(key, f"there are no initial weights '{name}'{hint}")
        if name == "distillation" and weights.distillation is None:
            yield Fault(key, "name the teacher under weights.distillation.teacher")
        if name == "source" and weights.source is None:
            yield Fault(key, "say under weights.source what the model is trained on first")
    folder = weights.imagenet.folder
    if folder is not None and not Path(folder).is_dir():
        yield Fault(("weights", "imagenet", "folder"), f"there is no folder {folder}")
    for name, checkpoint in weights.checkpoints.items():
        yield from _checkpoint_faults(name, checkpoint)


def _starts_of_stages(sweep: Sweep) -> Iterator[tuple[Key, str]]:
    """Where a teacher and a source model start themselves."""
    distillation, source = sweep.weights.distillation, sweep.weights.source
    if distillation is not None:
        key: Key = ("weights", "distillation", "teacher", "pretraining")
        yield key, distillation.teacher.pretraining
    if source is not None:
        yield ("weights", "source", "pretraining"), source.pretraining


def _checkpoint_faults(name: str, checkpoint: Checkpoint) -> Iterator[Fault]:
    from models.pretraining.checkpoint import is_local

    place: Key = ("weights", "checkpoints", name)
    if name in PRETRAINING:
        yield Fault(place, "this name has a meaning of its own")
    if not re.fullmatch(r"[\w.-]+", name):
        yield Fault(place, "a name is made of letters, digits, dots, dashes and underscores")
    try:
        checkpoint.file.format(backbone="")
    except (KeyError, IndexError, ValueError):
        yield Fault((*place, "file"), "only {backbone} may stand in braces")
        return
    file = Path(checkpoint.file).expanduser()
    if "{" not in checkpoint.file and is_local(checkpoint.file) and not file.is_file():
        yield Fault((*place, "file"), f"there is no file {file}")
