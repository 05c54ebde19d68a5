"""The search space: a sweep's arms, the parameters that Optuna draws, and configurations.

A trial's configuration is one flat dict of plain values: every `Settings` key, the options of its
head, the `loss_weights.NAME` and `augment.NAME` in force, its factors, `seed` and the trial's
`number`.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import optuna

from datasets.augment import PREFIX
from datasets.augment.augmentation import augmentation_of, level_of
from models.heads.head import Head
from models.heads.options import LOSS_PREFIX, HeadOptions
from models.tasks import TASKS
from runs.arms import Arm, Scalar, arm_slugs
from sweeps.schema import STRENGTHS, Domain, Settings, Sweep

Config = dict[str, Any]

OF_TRAINED_BACKBONES = ("backbone_lr", "layer_decay", "freeze_epochs")
"""Settings that say how a backbone is trained: without effect where it is frozen."""


def arms_of(sweep: Sweep) -> list[Arm]:
    """Every combination of what is compared, the first factor changing slowest."""
    return [
        Arm(zip(sweep.compare, values, strict=True))
        for values in itertools.product(*sweep.compare.values())
    ]


def arm_of(sweep: Sweep, config: Config) -> Arm:
    """The arm that a trial's configuration belongs to."""
    return Arm({factor: config[factor] for factor in sweep.compare})


def arm_names(sweep: Sweep) -> dict[Arm, str]:
    """What each arm is called in names of files and studies, and on the command line.

    It is the same whether or not other arms of the sweep are skipped.
    """
    return arm_slugs(arms_of(sweep))


def trial_name(sweep: Sweep, config: Config) -> str:
    """`007-resnet18-mae`: unique in the run, in the order of numbers, and it names the arm."""
    return f"{config['number']:03d}-{arm_names(sweep)[arm_of(sweep, config)]}"


def expand_variants(sweep: Sweep, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that `chosen` stands for: a choice of a factor with variants is several."""
    settings: dict[str, Any] = {}
    for name, value in chosen.items():
        settings |= sweep.variants[name][value] if name in sweep.variants else {name: value}
    return settings


def settings_of(sweep: Sweep, chosen: Mapping[str, Any]) -> Settings:
    """The settings of an arm or a trial; where a tuned value is not chosen yet, its middle."""
    values = _values(sweep, chosen)
    return Settings(**{name: values[name] for name in Settings.model_fields if name in values})


def head_of(sweep: Sweep, chosen: Mapping[str, Any]) -> str:
    """Name of the head of an arm or a trial."""
    return settings_of(sweep, chosen).head or next(iter(TASKS[sweep.task].heads))


def heads_of(sweep: Sweep) -> dict[str, Head]:
    """The heads of all arms by name."""
    return {head_of(sweep, arm): _head(sweep, arm) for arm in arms_of(sweep)}


def options_of(sweep: Sweep, chosen: Mapping[str, Any]) -> HeadOptions:
    """The options of its head."""
    values, options = _values(sweep, chosen), _head(sweep, chosen).options
    return options(**{name: values[name] for name in options.model_fields if name in values})


def _values(sweep: Sweep, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Every value that the sweep gives: of tuned ones that are not chosen, the middle."""
    middles = {name: domain.middle for name, domain in sweep.tune.items()}
    return {**middles, **sweep.fixed, **expand_variants(sweep, chosen)}


def suggest(sweep: Sweep, trial: optuna.Trial, arm: Arm | None = None) -> Config:
    """Draw a configuration: first the arm, unless it is given, then what is tuned within it.

    What has no effect in the arm (the weight of a loss that its head does not have) is not drawn:
    it is no parameter of that trial, and the sampler learns nothing false from it.
    """
    chosen: dict[str, Any] = dict(arm or {})
    if arm is None:
        for factor, values in sweep.compare.items():
            chosen[factor] = trial.suggest_categorical(factor, values)
    for name in tuned_in(sweep, chosen):
        chosen[name] = _draw(trial, name, sweep.tune[name])
    return complete(sweep, chosen)


def complete(sweep: Sweep, chosen: Mapping[str, Any]) -> Config:
    """The whole flat configuration around the `chosen` values."""
    settings, options = settings_of(sweep, chosen), options_of(sweep, chosen)
    values = _values(sweep, chosen)
    weights = {
        key: float(values[key])
        for term in options.terms
        if (key := f"{LOSS_PREFIX}{term}") in values
    }
    augmentation = augmentation_of({**values, "augment": settings.augment})
    return {
        **{factor: chosen[factor] for factor in sweep.compare},
        **settings.model_dump(),
        **options.model_dump(),
        **weights,
        **{PREFIX + name: strength for name, strength in augmentation.strengths.items()},
        "head": head_of(sweep, chosen),
        "epochs": sweep.budget.epochs if settings.epochs is None else settings.epochs,
        "seed": sweep.seed,
    }


def same_config(recorded: Config, proposed: Config) -> bool:
    """Whether a configuration on record, maybe of an older version, is the one proposed now."""
    return _in_new_words(recorded) == _in_new_words(proposed)


def _in_new_words(config: Config) -> Config:
    """Settings that came later have their defaults, which leave a training as it was."""
    fields = Settings.model_fields.items()
    defaults = {name: field.default for name, field in fields if not field.is_required()}
    words = {**defaults, **config}
    return {**words, "augment": level_of(words["augment"])}


def longest_training(sweep: Sweep, arms: Iterable[Arm]) -> int:
    """Epochs of the longest training of `arms`."""
    return max(complete(sweep, arm)["epochs"] for arm in arms)


def tuned_in(sweep: Sweep, arm: Mapping[str, Any]) -> list[str]:
    """Names of the tuned parameters that have an effect in `arm`."""
    return [name for name in sweep.tune if _applies(sweep, name, arm)]


def middle_point(sweep: Sweep, arm: Arm) -> dict[str, Scalar]:
    """The first point tried in every arm: the middle of all ranges. Optuna's parameters only."""
    return {name: sweep.tune[name].middle for name in tuned_in(sweep, arm)}


def grid_points(sweep: Sweep, arm: Arm) -> Iterator[dict[str, Scalar]]:
    """All combinations of the tuned choices within `arm`."""
    names = tuned_in(sweep, arm)
    choices = [cast(list[Scalar], sweep.tune[name].choice) for name in names]
    for values in itertools.product(*choices):
        yield dict(zip(names, values, strict=True))


def _applies(sweep: Sweep, name: str, chosen: Mapping[str, Any]) -> bool:
    """Whether the tuned `name` has an effect in an arm that does not set it itself."""
    if name in expand_variants(sweep, chosen) or settings_of(sweep, chosen).epochs == 0:
        return False
    if name in OF_TRAINED_BACKBONES and not trains_backbone(sweep, chosen):
        return False
    return applies(sweep, name, chosen)


def trains_backbone(sweep: Sweep, arm: Mapping[str, Any]) -> bool:
    """Whether the backbone of an arm is trained, in some of its trials at least."""
    tuned = "frozen" in sweep.tune and "frozen" not in expand_variants(sweep, arm)
    return tuned or not settings_of(sweep, arm).frozen


def applies(sweep: Sweep, name: str, arm: Mapping[str, Any]) -> bool:
    """Whether the head of `arm` knows the setting `name`."""
    options = options_of(sweep, arm)
    if name.startswith(LOSS_PREFIX):
        return name.removeprefix(LOSS_PREFIX) in options.terms
    of_all = name in Settings.model_fields or name in STRENGTHS
    return of_all or name in type(options).model_fields


def _head(sweep: Sweep, chosen: Mapping[str, Any]) -> Head:
    return TASKS[sweep.task].heads[head_of(sweep, chosen)]


def _draw(trial: optuna.Trial, name: str, domain: Domain) -> Scalar:
    if domain.choice is not None:
        return cast(Scalar, trial.suggest_categorical(name, domain.choice))
    if domain.log_uniform is not None:
        return trial.suggest_float(name, *domain.log_uniform, log=True)
    assert domain.uniform is not None
    return trial.suggest_float(name, *domain.uniform)
