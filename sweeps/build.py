"""The model that a configuration means on the data of a sweep."""

from datasets import Prepared
from models.build import build_model
from models.model import Classes, Model
from sweeps.space import Config


def classes_of(data: Prepared) -> Classes:
    """What a head is told of the data."""
    return Classes(data.classes, data.class_pixels["train"], data.class_areas["train"])


def model_for(task: str, config: Config, data: Prepared) -> Model:
    """The model of a configuration, its weights at random."""
    return build_model(task, config, len(data.bands), data.image_size, classes_of(data))
