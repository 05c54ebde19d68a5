"""From a flat configuration to the model and the recipe it describes."""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Prepared
from datasets.augment.augmentation import augmentation_of
from datasets.spectrum import Band
from models.backbones import Backbone
from models.heads.options import LOSS_PREFIX
from models.model import Classes, Model
from models.resizing import Resized
from models.tasks import TASKS
from models.training import Recipe


def build_model(
    task: str,
    config: Mapping[str, Any],
    bands: int | Sequence[str | Band],
    image_size: int,
    classes: Classes,
) -> Model:
    """The model of a configuration for images [B, bands, S, S], its weights at random.

    Where the configuration has an `image_size` of its own, the model works at that. Of bands
    that say what they measure, networks that want to know it are told.

    An option of the head that the configuration does not name, because it was added to the program
    after the training, has its default, which keeps the model as it was.
    """
    head = TASKS[task].heads[config["head"]]
    own_size = config.get("image_size") or image_size
    missing = config.get("missing_bands", "error")
    backbone = Backbone(config["backbone"], bands, own_size, missing)
    named = {name: config[name] for name in head.options.model_fields if name in config}
    model = head.build(backbone, classes, head.options(**named))
    return model if own_size == image_size else Resized(model)


def model_for(task: str, config: Mapping[str, Any], data: Prepared) -> Model:
    """The model of a configuration for the images and classes of `data`, its weights at random."""
    classes = Classes(
        data.classes,
        data.class_pixels["train"],
        data.class_areas["train"],
        data.class_images.get("train", ()),
        data.multi_label,
    )
    return build_model(task, config, data.spectrum, data.image_size, classes)


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """The training recipe in a flat configuration."""
    weights = {
        key.removeprefix(LOSS_PREFIX): value
        for key, value in config.items()
        if key.startswith(LOSS_PREFIX)
    }
    named = {field: config[field] for field in Recipe.__dataclass_fields__ if field in config}
    named["augment"] = augmentation_of(config)
    return Recipe(**named, loss_weights=weights)
