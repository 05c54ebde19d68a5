"""Arms and the space around them: from a sweep to what Optuna is asked and a trial is told.

A trial's configuration is one flat dict of plain values: every `Settings` key, the
`loss_weights.NAME` in force, `epochs`, `seed` and the trial's `number`.
"""

import itertools
from collections.abc import Iterator
from typing import Any, cast

import optuna

from models.tasks import TASKS
from sweeps.schema import LOSS_PREFIX, Domain, Scalar, Settings, Sweep

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


def settings_of(sweep: Sweep, chosen: dict[str, Any]) -> Settings:
    """The settings of an arm or a trial; where a tuned value is not chosen yet, its middle."""
    middles = {name: domain.middle for name, domain in sweep.tune.items()}
    values = {**middles, **sweep.fixed, **chosen}
    return Settings(**{name: values[name] for name in Settings.model_fields if name in values})


def suggest(sweep: Sweep, trial: optuna.Trial, arm: Arm | None = None) -> Config:
    """Draw a configuration: first the arm, unless it is given, then what is tuned within it.

    A weight of a loss that the arm's head does not have is not drawn, so that it is no parameter
    of that trial and teaches the sampler nothing false.
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
    settings = settings_of(sweep, chosen).model_dump()
    weights = {
        name: float(value)
        for name, value in {**sweep.fixed, **chosen}.items()
        if name.startswith(LOSS_PREFIX) and _applies(sweep, name, chosen)
    }
    settings["head"] = _head(sweep, chosen)
    return {**settings, **weights, "epochs": sweep.budget.epochs, "seed": sweep.seed}


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
    if not name.startswith(LOSS_PREFIX):
        return True
    losses = TASKS[sweep.task].heads[_head(sweep, chosen)].losses
    return name.removeprefix(LOSS_PREFIX) in losses


def _head(sweep: Sweep, chosen: dict[str, Any]) -> str:
    named = chosen.get("head") or sweep.fixed.get("head")
    return str(named) if named else next(iter(TASKS[sweep.task].heads))


def _draw(trial: optuna.Trial, name: str, domain: Domain) -> Scalar:
    if domain.choice is not None:
        return cast(Scalar, trial.suggest_categorical(name, domain.choice))
    if domain.log_uniform is not None:
        return trial.suggest_float(name, *domain.log_uniform, log=True)
    assert domain.uniform is not None
    return trial.suggest_float(name, *domain.uniform)
