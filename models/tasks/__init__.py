"""Tasks by name. Adding a task is a `Task` in a file here, its line in `TASKS` and its heads."""

from models.tasks.classification import CLASSIFICATION
from models.tasks.detection import DETECTION
from models.tasks.segmentation import SEGMENTATION
from models.tasks.task import Task

TASKS: dict[str, Task] = {
    "detection": DETECTION,
    "segmentation": SEGMENTATION,
    "classification": CLASSIFICATION,
}
