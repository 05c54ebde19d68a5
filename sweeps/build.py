"""From a flat configuration to the model and the recipe it describes."""

from datasets import Prepared
from models.backbones import Backbone
from models.model import Classes, Model
from models.tasks import TASKS
from models.training import Recipe
from sweeps.schema import LOSS_PREFIX
from sweeps.space import Config


def classes_of(data: Prepared) -> Classes:
    """What a head is told of the data."""
    return Classes(data.classes, data.class_pixels["train"], data.class_areas["train"])


def build_model(task: str, config: Config, data: Prepared) -> Model:
    """The model of a configuration, its weights at random."""
    head = TASKS[task].heads[config["head"]]
    backbone = Backbone(config["backbone"], len(data.bands), data.image_size)
    options = head.options(**{name: config[name] for name in head.options.model_fields})
    return head.build(backbone, classes_of(data), options)


def recipe_of(config: Config) -> Recipe:
    """The training recipe in a flat configuration."""
    weights = {
        key.removeprefix(LOSS_PREFIX): value
        for key, value in config.items()
        if key.startswith(LOSS_PREFIX)
    }
    named = {field: config[field] for field in Recipe.__dataclass_fields__ if field in config}
    return Recipe(**named, loss_weights=weights)
