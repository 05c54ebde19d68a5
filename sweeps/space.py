"""Arms and the space around them: from a sweep to what Optuna is asked and a trial is told.

A trial's configuration is one flat dict of plain values: every `Settings` key, the options of its
head, the `loss_weights.NAME` in force, its factors, `seed` and the trial's `number`.
"""

import itertools
from collections.abc import Iterator
from typing import Any, cast

import optuna

from models.losses.names import LOSS_PREFIX
from models.heads.options import HeadOptions
from models.tasks import TASKS, Head
from sweeps.schema import Domain, Scalar, Settings, Sweep

Arm = dict[str, Scalar]
Config = dict[str, Any]


def arms_of(sweep: Sweep) -> list[Arm]:
    """Every combination of what is compared, the first factor changing slowest."""
    return [
        dict(zip(sweep.compare, values, strict=True))
        for values in itertools.product(*sweep.compare.values())
    ]


def arm_label(arm: Arm) -> str:
    """How an arm is called in names, also of folders: its values, joined."""
    return "-".join(str(value).replace("/", "_") for value in arm.values())


def arm_of(sweep: Sweep, config: Config) -> Arm:
    """The arm that a trial's configuration belongs to."""
    return {factor: config[factor] for factor in sweep.compare}


def trial_name(sweep: Sweep, config: Config) -> str:
    """`007-resnet18-mae`: unique in the run, sortable, and it says the arm."""
    return f"{config['number']:03d}-{arm_label(arm_of(sweep, config))}"


def spelt_out(sweep: Sweep, chosen: dict[str, Any]) -> dict[str, Any]:
    """`chosen` values by setting: choices of a factor with variants become what they stand for."""
    settings: dict[str, Any] = {}
    for name, value in chosen.items():
        settings |= sweep.variants[name][value] if name in sweep.variants else {name: value}
    return settings


def settings_of(sweep: Sweep, chosen: dict[str, Any]) -> Settings:
    """The settings of an arm or a trial; where a tuned value is not chosen yet, its middle."""
    values = _values(sweep, chosen)
    return Settings(**{name: values[name] for name in Settings.model_fields if name in values})


def head_of(sweep: Sweep, chosen: dict[str, Any]) -> str:
    """Name of the head of an arm or a trial."""
    return settings_of(sweep, chosen).head or next(iter(TASKS[sweep.task].heads))


def options_of(sweep: Sweep, chosen: dict[str, Any]) -> HeadOptions:
    """The options of its head."""
    values, options = _values(sweep, chosen), _head(sweep, chosen).options
    return options(**{name: values[name] for name in options.model_fields if name in values})


def _values(sweep: Sweep, chosen: dict[str, Any]) -> dict[str, Any]:
    """Every value that the sweep gives: of tuned ones that are not chosen, the middle."""
    middles = {name: domain.middle for name, domain in sweep.tune.items()}
    return {**middles, **sweep.fixed, **spelt_out(sweep, chosen)}


def suggest(sweep: Sweep, trial: optuna.Trial, arm: Arm | None = None) -> Config:
    """Draw a configuration: first the arm, unless it is given, then what is tuned within it.

    What means nothing in the arm (the weight of a loss that its head does not have) is not drawn,
    so that it is no parameter of that trial and teaches the sampler nothing false.
    """
    chosen: dict[str, Any] = dict(arm or {})
    if arm is None:
        for factor, values in sweep.compare.items():
            chosen[factor] = trial.suggest_categorical(factor, values)
    for name in tuned_in(sweep, chosen):
        chosen[name] = _draw(trial, name, sweep.tune[name])
    return complete(sweep, chosen)


def complete(sweep: Sweep, chosen: dict[str, Any]) -> Config:
    """The whole flat configuration around the `chosen` values."""
    settings, options = settings_of(sweep, chosen), options_of(sweep, chosen)
    values = _values(sweep, chosen)
    weights = {
        key: float(values[key])
        for term in _head(sweep, chosen).terms(options)
        if (key := f"{LOSS_PREFIX}{term}") in values
    }
    return {
        **{factor: chosen[factor] for factor in sweep.compare},
        **settings.model_dump(),
        **options.model_dump(),
        **weights,
        "head": head_of(sweep, chosen),
        "epochs": sweep.budget.epochs if settings.epochs is None else settings.epochs,
        "seed": sweep.seed,
    }


def tuned_in(sweep: Sweep, arm: dict[str, Any]) -> list[str]:
    """Names of the tuned parameters that mean something in `arm`."""
    return [name for name in sweep.tune if _applies(sweep, name, arm)]


def middle_point(sweep: Sweep, arm: Arm) -> dict[str, Scalar]:
    """Where every arm is tried first: the middle of all ranges. Optuna's parameters only."""
    return {name: sweep.tune[name].middle for name in tuned_in(sweep, arm)}


def grid_points(sweep: Sweep, arm: Arm) -> Iterator[dict[str, Scalar]]:
    """All combinations of the tuned choices within `arm`."""
    names = tuned_in(sweep, arm)
    choices = [cast(list[Scalar], sweep.tune[name].choice) for name in names]
    for values in itertools.product(*choices):
        yield dict(zip(names, values, strict=True))


def _applies(sweep: Sweep, name: str, chosen: dict[str, Any]) -> bool:
    """Whether the tuned `name` means something in an arm: it is not settled, nor of no effect."""
    if name in spelt_out(sweep, chosen) or settings_of(sweep, chosen).epochs == 0:
        return False
    return applies(sweep, name, chosen)


def applies(sweep: Sweep, name: str, arm: dict[str, Any]) -> bool:
    """Whether the head of `arm` knows the setting `name`."""
    options = options_of(sweep, arm)
    if name.startswith(LOSS_PREFIX):
        return name.removeprefix(LOSS_PREFIX) in _head(sweep, arm).terms(options)
    return name in Settings.model_fields or name in type(options).model_fields


def _head(sweep: Sweep, chosen: dict[str, Any]) -> Head:
    return TASKS[sweep.task].heads[head_of(sweep, chosen)]


def _draw(trial: optuna.Trial, name: str, domain: Domain) -> Scalar:
    if domain.choice is not None:
        return cast(Scalar, trial.suggest_categorical(name, domain.choice))
    if domain.log_uniform is not None:
        return trial.suggest_float(name, *domain.log_uniform, log=True)
    assert domain.uniform is not None
    return trial.suggest_float(name, *domain.uniform)
