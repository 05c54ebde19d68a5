"""Checks of a sweep beyond its types: keys that do not fit together, names that do not exist."""

import math
import re
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any

from pydantic import ValidationError

from datasets import DATASETS, DataError
from datasets.options import ALL_BANDS, RASTER, RGB, Dataset, chosen_bands, possible_labels
from datasets.source import Label, brings
from models.backbones import SOURCES
from models.backbones.source import NotInstalledError, UnknownBackboneError, source_of
from models.heads import HEAD_OPTIONS
from models.heads.head import Head
from models.heads.options import LOSS_PREFIX
from models.pretraining import KINDS, SCRATCH, kind_of
from models.pretraining.kind import KindOptions, Start
from models.pretraining.options import Checkpoint
from runs.arms import Arm
from runs.errors import EosweepError, did_you_mean
from runs.sections import Section
from sweeps.commands import program
from sweeps.faults import Fault, Key
from sweeps.schema import (
    STRENGTHS,
    Settings,
    Sweep,
    is_setting,
    setting_adapter,
    typed,
)
from sweeps.tracking import TRACKERS, installed

ARM_SETTINGS = ("backbone", "pretraining", "head", "loss", "epochs", "bands", "image_size")
"""Settings that decide which weights are made, which losses there are and how long a trial is."""


def keys_at_fault(sweep: Sweep) -> list[Fault]:
    """Faults in the keys and values of `compare`, `tune` and `fixed`, and between sections."""
    faults = [*_variant_faults(sweep)]
    if not faults:
        faults = [*_settings_faults(sweep), *_budget_faults(sweep)]
    faults += _dataset_faults(sweep.dataset, ("dataset",))
    for key, other in _other_datasets(sweep):
        faults += _dataset_faults(other, key)
        if (other.root is None) != (sweep.dataset.root is None):
            message = "give a root both here and under dataset, or (for the samples) in neither"
            faults.append(Fault((*key, "root"), message))
    for key, name in values_of(sweep, "backbone"):
        faults += _source_faults(sweep, key, str(name))
    return [*faults, *_screen_faults(sweep), *_tracker_faults(sweep)]


def _screen_faults(sweep: Sweep) -> Iterator[Fault]:
    if sweep.screen is None:
        return
    arms = math.prod(len(values) for values in sweep.compare.values())
    if sweep.screen.keep >= arms:
        yield Fault(("screen", "keep"), f"there are {arms} arms: keep fewer, or leave out screen")
    for key, _ in values_of(sweep, "frozen"):
        yield Fault(key, "the screen freezes every arm first, and none afterwards: remove this key")


def _tracker_faults(sweep: Sweep) -> Iterator[Fault]:
    for index, name in enumerate(sweep.track):
        if name not in TRACKERS:
            hint = did_you_mean(name, TRACKERS)
            yield Fault(("track", index), f"there is no tracker '{name}'{hint}")
        elif name in sweep.track[:index]:
            yield Fault(("track", index), "a tracker is listed twice")
        elif not installed(name):
            install = program("pip", "install", name)
            yield Fault(("track", index), f"{name} is not installed: {install}")


def names_at_fault(sweep: Sweep) -> list[Fault]:
    """Faults in the names of task, metric, head, backbones, losses and initial weights."""
    from models.tasks import TASKS

    if sweep.task not in TASKS:
        hint = did_you_mean(sweep.task, TASKS)
        return [Fault(("task",), f"there is no task '{sweep.task}'{hint}")]
    task = TASKS[sweep.task]
    labels = possible_labels(sweep.dataset.name)
    if not brings(labels, task.needs):
        message = f"{sweep.task} needs {task.needs}, and {sweep.dataset.name} has none"
        return [Fault(("dataset", "name"), message)]
    faults = [*_metric_faults(sweep), *_scene_faults(sweep)]
    for key, head in values_of(sweep, "head"):
        if head is not None and head not in task.heads:
            hint = did_you_mean(str(head), task.heads)
            faults.append(Fault(key, f"{sweep.task} has no head '{head}'{hint}"))
        elif head is not None and (missing := unlabelled(task.heads[head], head, labels)):
            faults.append(Fault(key, missing))
    faults += _band_faults(sweep)
    faults = faults or [*_loss_faults(sweep)] or [*_head_faults(sweep), *_misfits(sweep)]
    return [*faults, *_backbone_faults(sweep), *_pretraining_faults(sweep)]


def unlabelled(head: Head, name: str, labels: Collection[Label]) -> str | None:
    """What a head learns from and the labels do not bring, in a sentence."""
    if head.needs is None or head.needs in labels:
        return None
    there = " and ".join(sorted(labels))
    return f"{name} learns from {head.needs}, and the data bring {there} only: choose another head"


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
        for index, value in enumerate(sweep.tune[setting].values):
            yield ("tune", setting, "choice", index), value
    if setting in sweep.fixed:
        yield ("fixed", setting), sweep.fixed[setting]
    for factor, choices in sweep.variants.items():
        for choice, settings in choices.items():
            if setting in settings:
                yield ("variants", factor, choice, setting), settings[setting]


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
            known = [*Settings.model_fields, *HEAD_OPTIONS, *STRENGTHS]
            known += [f"{LOSS_PREFIX}NAME", *sweep.variants]
            yield Fault(key, "there is no such setting" + did_you_mean(name, known))
            continue
        if section != "variants":
            if name in seen:
                yield Fault(key, _given_twice(sweep, name, seen[name], section))
            seen[name] = section
        if section == "tune":
            if name in ARM_SETTINGS:
                yield Fault(key, "this setting defines an arm: move it to compare or fixed")
            choices = [typed(name, value) for value in sweep.tune[name].values]
            if len(set(map(repr, choices))) < len(choices):
                yield Fault(key, "a choice is listed twice")
    for name in dict.fromkeys(str(key[-1]) for key in setting_keys(sweep)):
        for key, value in values_of(sweep, name) if is_setting(name) else ():
            if message := _value_fault(name, value):
                yield Fault(key, message)
    yield from _level_faults(sweep)
    for name, field in Settings.model_fields.items():
        if field.is_required() and name not in seen and not _given_by_variants(sweep, name):
            yield Fault((name,), "this setting is missing: add it under compare, tune or fixed")


def _level_faults(sweep: Sweep) -> Iterator[Fault]:
    """Old and new names of one level of augmentation side by side."""
    for section in ("compare", "tune"):
        listed = [value for key, value in values_of(sweep, "augment") if key[0] == section]
        for old, new in ((True, "flips"), (False, "none")):
            if old in listed and new in listed:
                word = str(old).lower()
                message = f"{word} is the older name of {new}: remove one of the two"
                yield Fault((section, "augment"), message)


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
    grace = sweep.scheduler.grace_epochs
    epochs = max([sweep.budget.epochs, *(value for value in named if isinstance(value, int))])
    if grace > epochs:
        message = f"no trial has {grace} epochs: lower it to at most {epochs}, the longest trial"
        yield Fault(("scheduler", "grace_epochs"), message)


def _band_faults(sweep: Sweep) -> Iterator[Fault]:
    known = [ALL_BANDS, RGB, *sweep.dataset.band_groups]
    for key, name in values_of(sweep, "bands"):
        if name is not None and name not in known:
            hint = did_you_mean(str(name), known)
            message = f"there is no group of bands '{name}'{hint}: list it in dataset.band_groups"
            yield Fault(key, message)


def _dataset_faults(dataset: Dataset, section: Key) -> Iterator[Fault]:
    name = dataset.name
    if name == RASTER:
        if dataset.root is None:
            yield Fault((*section, "root"), f"{RASTER} needs the folder of your images and labels")
        elif not dataset.root.is_dir():
            yield Fault((*section, "root"), f"there is no folder {dataset.root}")
        return
    if name not in DATASETS:
        hint = did_you_mean(name, [*DATASETS, RASTER])
        yield Fault((*section, "name"), f"there is no data set '{name}'{hint}")
        return
    root = dataset.root
    if root is not None and not root.is_dir():
        yield Fault((*section, "root"), f"there is no folder {root} (null is the embedded sample)")
    if dataset.tile is not None and not DATASETS[name].tiled:
        yield Fault((*section, "tile"), f"{name} has images of one size: remove this key")
    try:
        chosen_bands(DATASETS[name], dataset)
    except DataError as error:
        yield Fault((*section, "bands"), str(error))


def _other_datasets(sweep: Sweep) -> Iterator[tuple[Key, Dataset]]:
    """Data that initial weights are made on, with the key of their section."""
    for name, options in _weights_options(sweep):
        for field, value in options:
            if isinstance(value, Dataset):
                yield ("weights", name, field), value


def _weights_options(sweep: Sweep) -> Iterator[tuple[str, KindOptions]]:
    """The sections of the kinds of initial weights, of those that are given or have defaults."""
    for name in KINDS:
        if (options := getattr(sweep.weights, name)) is not None:
            yield name, options


def _metric_faults(sweep: Sweep) -> Iterator[Fault]:
    """Names of metrics; the class in `IoU/water` is checked in the plan, with the data."""
    from models.tasks import TASKS
    from sweeps.space import arms_of, head_of

    task = TASKS[sweep.task]
    named = dict.fromkeys(head_of(sweep, arm) for arm in arms_of(sweep))
    of_heads = {name: task.heads[name].metrics for name in named if name in task.heads}
    known = [*task.metrics, *chain.from_iterable(of_heads.values())]
    if "footprints" in possible_labels(sweep.dataset.name):
        known += task.footprint_metrics
    kind, slash, _ = sweep.metric.partition("/")
    if sweep.metric not in known and not (slash and kind in task.class_metrics):
        shown = [*known, *(f"{kind}/CLASS" for kind in task.class_metrics)]
        hint = did_you_mean(sweep.metric, shown)
        yield Fault(("metric",), f"{sweep.task} has no metric '{sweep.metric}'{hint}")
    if any(sweep.metric in metrics for metrics in of_heads.values()):
        without = [name for name, metrics in of_heads.items() if sweep.metric not in metrics]
        if without:
            message = f"{' and '.join(without)} would have no {sweep.metric} to be ranked by"
            yield Fault(("metric",), f"{message}: choose another metric, or leave the head out")
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


def _scene_faults(sweep: Sweep) -> Iterator[Fault]:
    """Why metrics cannot be over whole scenes, where the sweep says so."""
    from models.tasks import TASKS

    task, key = TASKS[sweep.task], ("metric_over",)
    if not sweep.whole_scenes:
        return
    if task.evaluate_scenes is None:
        message = f"{task.needs} that tiles cut cannot be made whole again: remove this key"
        yield Fault(key, message)
    elif sweep.dataset.tiling is None:
        name = sweep.dataset.name
        message = f"{name} is not cut into tiles: give dataset.tile, or remove this key"
        yield Fault(key, message)
    if sweep.metric in task.footprint_metrics:
        message = "tiles cut footprints, so that they are not scored over scenes: choose another"
        yield Fault(("metric",), message)


def _loss_faults(sweep: Sweep) -> Iterator[Fault]:
    from models.losses.class_weights import check_class_weights
    from models.tasks import TASKS

    options = {head.options for head in TASKS[sweep.task].heads.values()}

    def check_loss(loss: str) -> None:
        """LossError: none of the heads has it."""
        for one in options:
            if "loss" in one.model_fields:
                _ = one.model_validate({"loss": loss}).terms

    for name, check in (("loss", check_loss), ("class_weights", check_class_weights)):
        for key, value in values_of(sweep, name):
            try:
                check(value)
            except EosweepError as error:
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


def _misfits(sweep: Sweep) -> Iterator[Fault]:
    """Settings of training that do not fit each other, each where it is given first."""
    from sweeps.fine_tuning import misfits

    keys = {str(key[-1]): key for key in reversed([*setting_keys(sweep)])}
    for setting, message in misfits(sweep):
        yield Fault(keys[setting], message)


def _terms(sweep: Sweep, arm: Arm) -> tuple[str, ...]:
    from sweeps.space import options_of

    return options_of(sweep, arm).terms


def _backbone_faults(sweep: Sweep) -> Iterator[Fault]:
    import torch

    from models.backbones import Backbone, check_backbone

    named = list(values_of(sweep, "backbone"))
    for key, start in _starts(sweep):
        if start.backbone is not None:
            named.append(((*key, *start.keys[0]), start.backbone))
    for nickname, checkpoint in sweep.weights.checkpoints.items():
        if checkpoint.backbone is not None:
            key = ("weights", "checkpoints", nickname, "backbone")
            named.append((key, checkpoint.backbone))
    for key, name in named:
        try:
            check_backbone(name)
            with torch.device("meta"):  # its shapes, without its weights
                Backbone(name, ("red", "green", "blue"), sweep.dataset.image_size, "mean")
        except NotInstalledError as error:
            if key[0] == "weights":  # of arms, it has been said, or they are skipped
                yield Fault(key, str(error))
        except UnknownBackboneError as error:
            yield Fault(key, str(error))


def _pretraining_faults(sweep: Sweep) -> Iterator[Fault]:
    known = [SCRATCH, *KINDS, *sweep.weights.checkpoints]
    named = list(values_of(sweep, "pretraining"))
    for section, start in _starts(sweep):
        key = (*section, *start.keys[1])
        named.append((key, start.pretraining))
        if start.pretraining in KINDS and KINDS[start.pretraining].nested:
            yield Fault(key, f"{start.pretraining} needs other weights first: choose another start")
    for key, name in named:
        kind = kind_of(name)
        if kind not in known:
            hint = did_you_mean(name, known)
            yield Fault(key, f"there are no initial weights '{name}'{hint}")
        elif kind in KINDS and getattr(sweep.weights, kind) is None:
            required = _required_keys(KINDS[kind].options)
            yield Fault(key, f"add the section weights.{kind}; it must give {required}")
        elif ":" in name:
            yield from _source_faults(sweep, key, name.replace(":", "/", 1))
    for name, options in _weights_options(sweep):
        for fault in options.faults():
            yield Fault(("weights", name, *fault.key), fault.message)
    for name, checkpoint in sweep.weights.checkpoints.items():
        yield from _checkpoint_faults(name, checkpoint)


def _source_faults(sweep: Sweep, key: Key, name: str) -> Iterator[Fault]:
    try:
        source_of(name, SOURCES)
    except NotInstalledError as error:
        if sweep.unavailable == "error":
            yield Fault(key, f"{error}, or skip its arms with unavailable: skip")
    except UnknownBackboneError as error:
        yield Fault(key, str(error))


def _required_keys(options: type[Section]) -> str:
    fields = options.model_fields.items()
    return " and ".join(name for name, field in fields if field.is_required())


def _starts(sweep: Sweep) -> Iterator[tuple[Key, Start]]:
    """What kinds of initial weights start from themselves, with the key of their section."""
    for name, options in _weights_options(sweep):
        for start in options.starts():
            yield ("weights", name), start


def _checkpoint_faults(name: str, checkpoint: Checkpoint) -> Iterator[Fault]:
    key: Key = ("weights", "checkpoints", name)
    if name == SCRATCH or name in KINDS:
        yield Fault(key, "this name is taken by a kind of initial weights: choose another")
    if not re.fullmatch(r"[\w.-]+", name):
        yield Fault(key, "only letters, digits, dots, dashes and underscores are allowed here")
    for fault in checkpoint.faults():
        yield Fault((*key, *fault.key), fault.message)
