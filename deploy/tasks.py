"""What can be done with the models of each task: one line a task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.errors import ModelError
from deploy.forms import LABELS, OBJECTS, PROBABILITIES, Form
from deploy.maps.files import MakeMaps, map_classes, map_labels, map_objects
from deploy.maps.images import Image
from deploy.results import Result, class_map, found_boxes, tile_labels
from deploy.serving.answers import (
    Answer,
    areas_of_classes,
    class_geotiff,
    class_png,
    labels_of_tiles,
    objects,
)
from deploy.trained import Trained


@dataclass(frozen=True)
class Use:
    """How the models of a task are used.

    Attributes:
        maps: writes the maps of an image.
        result: what is found in an image, as arrays.
        form: how they are exported.
        pipeline: what the hub calls the task.
        answers: what a server can answer, by the name of the form; the first is the default.
    """

    maps: MakeMaps
    result: Callable[[Image, Trained, float | None], Result]
    form: Form
    pipeline: str
    answers: Mapping[str, Answer]


USES: dict[str, Use] = {
    "segmentation": Use(
        map_classes,
        class_map,
        PROBABILITIES,
        "image-segmentation",
        {"geojson": areas_of_classes, "tif": class_geotiff, "png": class_png},
    ),
    "detection": Use(map_objects, found_boxes, OBJECTS, "object-detection", {"geojson": objects}),
    "classification": Use(
        map_labels, tile_labels, LABELS, "image-classification", {"geojson": labels_of_tiles}
    ),
}


def use_of(task: str) -> Use:
    """How the models of `task` are used. ModelError: that is not defined."""
    if task not in USES:
        raise ModelError(
            f"models of the task {task} can be trained, but not yet used: add a line to USES in "
            "deploy/tasks.py"
        )
    return USES[task]
