"""How the settings of a training fit each other and the arms, and what follows from them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from datasets import Prepared
from models.build import model_for, recipe_of
from models.features import bytes_of_features
from models.fine_tuning import layer_numbers
from models.model import Model
from models.training import keeps_features
from runs.arms import Arm
from sweeps.schema import Settings, Sweep
from sweeps.space import OF_TRAINED_BACKBONES, arms_of, complete, expand_variants, trains_backbone

MOST_ARMS = 4  # that a note names


class Misfit(NamedTuple):
    """A setting whose value does not fit another one, and why."""

    setting: str
    message: str


def misfits(sweep: Sweep) -> Iterator[Misfit]:
    """Settings of which some arm has a value that cannot be, or of which no arm makes use."""
    arms = arms_of(sweep)
    yield from dict.fromkeys(one for arm in arms for one in _misfits_of(sweep, arm))
    if not any(trains_backbone(sweep, arm) for arm in arms):
        for name in OF_TRAINED_BACKBONES:
            default = Settings.model_fields[name].default
            if any(value != default for arm in arms for value in possible(sweep, arm, name)):
                yield Misfit(name, "every arm is frozen and trains no backbone: remove this key")


def possible(sweep: Sweep, arm: Arm, name: str) -> list[Any]:
    """The values that a setting can have in an arm; of a range, its ends."""
    chosen = expand_variants(sweep, arm)
    if name in chosen:
        return [chosen[name]]
    if name in sweep.tune:
        return sweep.tune[name].values
    return [sweep.fixed.get(name, Settings.model_fields[name].default)]


def _misfits_of(sweep: Sweep, arm: Arm) -> Iterator[Misfit]:
    for each in possible(sweep, arm, "batch_size"):
        for images in possible(sweep, arm, "effective_batch"):
            if images is not None and images % each:
                message = f"{images} is no multiple of batch_size {each}"
                yield Misfit("effective_batch", message)
    epochs = complete(sweep, arm)["epochs"]
    for frozen in possible(sweep, arm, "freeze_epochs") if trains_backbone(sweep, arm) else ():
        if 0 < epochs <= frozen:
            message = (
                f"{frozen} of {epochs} epochs leave none to train the backbone in: lower it, or "
                "say frozen: true"
            )
            yield Misfit("freeze_epochs", message)


def check_layers(sweep: Sweep, arm: Arm, model: Model) -> None:
    """Raise `NoLayersError` if rates may fall from layer to layer of a network without names."""
    if trains_backbone(sweep, arm) and set(possible(sweep, arm, "layer_decay")) != {1}:
        layer_numbers(model.backbone)


def averages(sweep: Sweep) -> bool:
    """Whether trials may hold an average of their weights."""
    return any(value for arm in arms_of(sweep) for value in possible(sweep, arm, "ema"))


def kept_bytes(
    sweep: Sweep, models: Mapping[Arm, Model], seen: Mapping[Arm, Prepared]
) -> dict[Arm, int]:
    """What the kept features of each arm that keeps them take in float32.

    Args:
        seen: the data as each arm sees them.
    """
    return {
        arm: (seen[arm].counts["train"] + seen[arm].counts["val"])
        * bytes_of_features(model.backbone)
        for arm, model in models.items()
        if keeps_features(model, recipe_of(complete(sweep, arm)))
    }


def training_notes(sweep: Sweep, models: Mapping[Arm, Model]) -> tuple[str, ...]:
    """What a person should know of how the arms are trained, a sentence each."""
    recipes = {arm: recipe_of(complete(sweep, arm)) for arm in models}
    several = [
        arm
        for arm, model in models.items()
        if set(possible(sweep, arm, "effective_batch"))
        - {None, *possible(sweep, arm, "batch_size")}
        and batch_norms(model, frozen=recipes[arm].frozen)
    ]
    frozen = [arm for arm, recipe in recipes.items() if recipe.frozen and recipe.keep_features]
    changed = [arm for arm in frozen if recipes[arm].changes_images and models[arm].reads_maps]
    inside = [arm for arm in frozen if not models[arm].reads_maps]
    again = "features of a frozen backbone are computed in every step"
    notes = {
        "batch normalisation sees batch_size images, and not effective_batch": several,
        f"{again}, because augment changes the images (augment: none keeps them)": changed,
        f"{again}, because the head reads inside the network": inside,
    }
    return tuple(f"{note}: {_some(arms, len(models))}" for note, arms in notes.items() if arms)


def norms_of(task: str, config: Mapping[str, Any], data: Prepared) -> list[str]:
    """`batch_norms` of the model of a flat configuration."""
    with torch.device("meta"):
        model = model_for(task, config, data)
    return batch_norms(model, frozen=recipe_of(config).frozen)


def batch_norms(model: Model, *, frozen: bool) -> list[str]:
    """The kinds of the trained layers that normalise over the images of a batch."""
    left: set[nn.Module] = set(model.backbone.network.modules()) if frozen else set()
    trained = (part for part in model.modules() if part not in left)
    return sorted({type(part).__name__ for part in trained if isinstance(part, _BatchNorm)})


def _some(arms: Collection[Arm], of: int) -> str:
    if len(arms) == of:
        return "all arms"
    titles = [arm.title for arm in arms]
    more = f" and {len(titles) - MOST_ARMS} more" if len(titles) > MOST_ARMS else ""
    return ", ".join(titles[:MOST_ARMS]) + more
