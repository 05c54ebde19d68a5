"""What the types cannot say about a sweep: keys that do not fit together, names nobody has."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from datasets import DATASETS, DataError, resolve_bands
from sweeps.faults import Fault, Key, nearest
from sweeps.schema import LOSS_PREFIX, Domain, Settings, Sweep, setting_adapter, typed

ARM_SETTINGS = ("backbone", "pretraining", "head")
"""Settings that decide which weights are made and which losses there are."""

PRETRAINING = ("scratch", "imagenet", "mae", "distillation")


def keys_at_fault(sweep: Sweep) -> list[Fault]:
    """Faults in the keys and values of `compare`, `tune` and `fixed`, and between sections."""
    return [*_settings_faults(sweep), *_budget_faults(sweep), *_dataset_faults(sweep)]


def names_at_fault(sweep: Sweep) -> list[Fault]:
    """Faults in the names of task, metric, head, backbones, losses and initial weights."""
    from models.tasks import TASKS

    if sweep.task not in TASKS:
        return [Fault(("task",), f"there is no task '{sweep.task}'{nearest(sweep.task, TASKS)}")]
    task = TASKS[sweep.task]
    faults = []
    if sweep.metric not in task.metrics:
        hint = nearest(sweep.metric, task.metrics)
        faults.append(Fault(("metric",), f"{sweep.task} has no metric '{sweep.metric}'{hint}"))
    for key, head in values_of(sweep, "head"):
        if head is not None and head not in task.heads:
            hint = nearest(str(head), task.heads)
            faults.append(Fault(key, f"{sweep.task} has no head '{head}'{hint}"))
    losses = {name for head in task.heads.values() for name in head.losses}
    for key in setting_keys(sweep):
        name = str(key[1]).removeprefix(LOSS_PREFIX)
        if str(key[1]).startswith(LOSS_PREFIX) and name not in losses:
            faults.append(Fault(key, f"no head has a loss '{name}'{nearest(name, losses)}"))
    return [*faults, *_backbone_faults(sweep), *_pretraining_faults(sweep)]


def setting_keys(sweep: Sweep) -> Iterator[Key]:
    """Where each setting stands: ("compare", "backbone"), ("tune", "lr"), …"""
    for section in ("compare", "tune", "fixed"):
        for name in getattr(sweep, section):
            yield section, name


def values_of(sweep: Sweep, setting: str) -> Iterator[tuple[Key, Any]]:
    """Every value that `setting` can take, with the place where it stands."""
    for index, value in enumerate(sweep.compare.get(setting, [])):
        yield ("compare", setting, index), value
    if setting in sweep.tune:
        for index, value in enumerate(_domain_values(sweep.tune[setting])):
            yield ("tune", setting, "choice", index), value
    if setting in sweep.fixed:
        yield ("fixed", setting), sweep.fixed[setting]


def _domain_values(domain: Domain) -> list[Any]:
    return list(domain.choice or domain.uniform or domain.log_uniform or ())


def _settings_faults(sweep: Sweep) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for section, key in setting_keys(sweep):
        name = str(key)
        if name not in Settings.model_fields and not name.startswith(LOSS_PREFIX):
            known = [*Settings.model_fields, f"{LOSS_PREFIX}NAME"]
            yield Fault((section, name), "there is no such setting" + nearest(name, known))
            continue
        if name in seen:
            yield Fault((section, name), f"this stands under {seen[name]} already")
        seen[name] = str(section)
        if section == "tune" and name in ARM_SETTINGS:
            yield Fault((section, name), "compare or fix this one: it makes an arm what it is")
        choices = [typed(name, value) for _, value in values_of(sweep, name)]
        if len(set(map(repr, choices))) < len(choices):
            yield Fault((section, name), "a choice stands twice")
        for place, value in values_of(sweep, name):
            if message := _value_fault(name, value):
                yield Fault(place, message)
    for name, field in Settings.model_fields.items():
        if field.is_required() and name not in seen:
            yield Fault((name,), "give this setting under compare, tune or fixed")


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
            ("budget", "trials"), f"{trials} trials cannot be shared equally among {arms} arms"
        )
    ranges = [name for name, domain in sweep.tune.items() if domain.choice is None]
    if sweep.sampler.name == "grid" and ranges:
        yield Fault(("tune", ranges[0]), "a grid needs a choice here, not a range")
    if not ranges:
        choices = [len(domain.choice) for domain in sweep.tune.values() if domain.choice]
        points = arms * math.prod(choices)
        if sweep.sampler.name == "grid" and trials < points:
            message = f"the grid has {points} points; {trials} trials do not cover it"
            yield Fault(("budget", "trials"), message)
        if trials > points:
            message = f"there are only {points} configurations; {trials} trials would repeat some"
            yield Fault(("budget", "trials"), message)
    if sweep.scheduler.name != "none" and sweep.scheduler.grace_epochs > sweep.budget.epochs:
        grace, epochs = sweep.scheduler.grace_epochs, sweep.budget.epochs
        message = f"no trial lives {grace} epochs: budget.epochs is {epochs}"
        yield Fault(("scheduler", "grace_epochs"), message)


def _dataset_faults(sweep: Sweep) -> Iterator[Fault]:
    name = sweep.dataset.name
    if name not in DATASETS:
        yield Fault(("dataset", "name"), f"there is no data set '{name}'{nearest(name, DATASETS)}")
        return
    root = sweep.dataset.root
    if root is not None and not root.is_dir():
        yield Fault(
            ("dataset", "root"), f"there is no folder {root}; null means the embedded sample"
        )
    try:
        resolve_bands(DATASETS[name], sweep.dataset.bands)
    except DataError as error:
        yield Fault(("dataset", "bands"), str(error))


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
    from models.initial.checkpoint import is_local

    known = [*PRETRAINING, *sweep.weights.checkpoints]
    named = list(values_of(sweep, "pretraining"))
    distillation = sweep.weights.distillation
    if distillation is not None:
        key: Key = ("weights", "distillation", "teacher", "pretraining")
        named.append((key, distillation.teacher.pretraining))
        if distillation.teacher.pretraining == "distillation":
            yield Fault(key, "a teacher cannot be a student of itself; name another start")
    for key, name in named:
        if name not in known:
            yield Fault(key, f"there are no initial weights '{name}'{nearest(str(name), known)}")
        if name == "distillation" and distillation is None:
            yield Fault(key, "name the teacher under weights.distillation.teacher")
    folder = sweep.weights.imagenet.folder
    if folder is not None and not Path(folder).is_dir():
        yield Fault(("weights", "imagenet", "folder"), f"there is no folder {folder}")
    for name, checkpoint in sweep.weights.checkpoints.items():
        place: Key = ("weights", "checkpoints", name)
        if name in PRETRAINING:
            yield Fault(place, "this name has a meaning of its own")
        if not re.fullmatch(r"[\w.-]+", name):
            yield Fault(place, "a name is made of letters, digits, dots, dashes and underscores")
        try:
            checkpoint.file.format(backbone="")
        except (KeyError, IndexError, ValueError):
            yield Fault((*place, "file"), "only {backbone} may stand in braces")
            continue
        file = Path(checkpoint.file).expanduser()
        if "{" not in checkpoint.file and is_local(checkpoint.file) and not file.is_file():
            yield Fault((*place, "file"), f"there is no file {file}")
