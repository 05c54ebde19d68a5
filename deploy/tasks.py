"""What can be done with the models of each task: one line a task."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.errors import ModelError
from deploy.forms import OBJECTS, PROBABILITIES, Form
from deploy.maps.files import MakeMaps, map_classes, map_objects
from deploy.serving.answers import Answer, areas_of_classes, class_geotiff, class_png, objects


@dataclass(frozen=True)
class Use:
    """How the models of a task are used.

    Attributes:
        maps: writes the maps of an image.
        form: how they are exported.
        answers: what a server can answer, by the name of the form; the first is the default.
    """

    maps: MakeMaps
    form: Form
    answers: Mapping[str, Answer]


USES: dict[str, Use] = {
    "segmentation": Use(
        map_classes,
        PROBABILITIES,
        {"geojson": areas_of_classes, "tif": class_geotiff, "png": class_png},
    ),
    "detection": Use(map_objects, OBJECTS, {"geojson": objects}),
}


def use_of(task: str) -> Use:
    """How the models of `task` are used. ModelError: that is not defined."""
    if task not in USES:
        raise ModelError(
            f"models of the task {task} can be trained, but not yet used: add a line to USES in "
            "deploy/tasks.py"
        )
    return USES[task]
