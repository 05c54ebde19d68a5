"""Which settings of an arm shape how much a training takes: arms that share them are alike."""

from collections.abc import Collection
from typing import Any

from models.build import recipe_of
from models.heads import HEAD_OPTIONS
from models.training import Recipe
from runs.arms import Arm
from sweeps.fine_tuning import possible
from sweeps.schema import STRENGTHS, Settings, Sweep
from sweeps.space import Config, complete

OF_NO_SIZE = frozenset(
    {
        *("pretraining", "lr", "lr_decay", "keep_features", "freeze_epochs"),
        *("backbone_lr", "layer_decay", "weight_decay", "warmup_epochs", "clip_norm"),
        *("stretch", "augment", *STRENGTHS),
    }
)
"""Settings that leave the memory of a training as it is."""

OF_NO_PACE = (OF_NO_SIZE | {"epochs", "train_fraction"}) - {"augment", *STRENGTHS}
"""Settings that leave its memory and the time of a step as they are."""


def largest_config(sweep: Sweep, arm: Arm) -> Config:
    """The configuration of an arm that needs most, of those that may be tried."""
    largest = {name: max(possible(sweep, arm, name)) for name in ("batch_size", "ema")}
    frozen = all(possible(sweep, arm, "frozen"))
    return complete(sweep, arm) | largest | {"frozen": frozen}


def largest_recipe(sweep: Sweep, arm: Arm) -> Recipe:
    """The recipe of that configuration."""
    return recipe_of(largest_config(sweep, arm))


def shaping(sweep: Sweep, arm: Arm, without: Collection[str]) -> tuple[tuple[str, Any], ...]:
    """The settings of an arm's trainings by name, `without` those that have no effect."""
    config = complete(sweep, arm)
    names = (Settings.model_fields.keys() | HEAD_OPTIONS.keys() | STRENGTHS.keys()) - set(without)
    return tuple((name, config[name]) for name in sorted(names & config.keys()))
