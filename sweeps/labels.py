"""Whether the labels are such that models can be trained on them and scored."""

from collections.abc import Mapping

import numpy as np

from datasets import IGNORE, Prepared, open_split
from models.metrics.matching import MOST_DETECTIONS
from models.tasks import TASKS
from runs.arms import Arm
from runs.errors import counted
from sweeps.faults import SweepError
from sweeps.schema import Sweep

FEWEST = 2
"""Training images: batch normalisation cannot train on one."""


def check_labels(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if a split has no object or no labelled pixel of a class."""
    label = TASKS[sweep.task].needs
    if splits := data.without(label):
        what = {
            "boxes": f"an object of at least {sweep.dataset.min_area:g} px²",
            "masks": f"a pixel of {' or '.join(data.classes)}",
            "image labels": "a label",
        }[label]
        raise SweepError(
            f"no image of {' and '.join(splits)} has {what}, so that no model can be trained or "
            f"scored: {_remedy(sweep, data, splits)}"
        )


def check_classes(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if a split lacks the classes without which its score says nothing."""
    absent = data.absent(TASKS[sweep.task].needs)
    of_class = sweep.metric.partition("/")[2]
    if splits := [split for split, names in absent.items() if of_class in names]:
        raise SweepError(
            f"metric: {sweep.metric} says nothing, as {of_class} is absent from"
            f" {' and '.join(splits)}: rank by another metric, or choose other splits"
        )
    for split in ("val", "test"):
        present = [name for name in data.classes if name not in absent[split]]
        if set(present) <= set(absent["train"]):
            raise SweepError(
                f"no class of {split} ({', '.join(present)}) is in train, so that every model would"
                f" score 0 on it: choose other splits"
            )


def beyond_limit(sweep: Sweep, data: Prepared) -> tuple[str, ...]:
    """A note where images hold more objects than a detector gives boxes, and AP counts."""
    if TASKS[sweep.task].needs != "boxes":
        return ()
    counts = {name: np.diff(open_split(data, name).offsets) for name in ("val", "test")}
    crowded = {name: int((objects > MOST_DETECTIONS).sum()) for name, objects in counts.items()}
    if not any(crowded.values()):
        return ()
    where = " and ".join(f"{number} of {name}" for name, number in crowded.items() if number)
    return (
        f"images with more than {MOST_DETECTIONS} objects: {where}; a detector gives at most "
        f"{MOST_DETECTIONS} boxes an image, and AP counts no more of a class, so that not all can "
        "be found: cut scenes into smaller tiles (dataset.tile)",
    )


def check_shares(sweep: Sweep, seen: Mapping[Arm, Prepared]) -> None:
    """Raise `SweepError` if an arm's share of the training images holds nothing to learn from."""
    label = TASKS[sweep.task].needs
    for arm, data in seen.items():
        few = data.counts["train"] < FEWEST or "train" in data.without(label)
        if data.view.train_fraction < 1 and few:
            raise SweepError(
                f"train_fraction: the share {data.view.train_fraction:g} of arm {arm.title} is "
                f"{counted(data.counts['train'], 'training image')}, which hold no class or are "
                f"fewer than {FEWEST}: choose a larger share"
            )


def shares(sweep: Sweep, seen: Mapping[Arm, Prepared]) -> tuple[str, ...]:
    """A note for each share of the training images that arms are trained on."""
    label, notes = TASKS[sweep.task].needs, []
    found = {data.view.train_fraction: data for data in seen.values()}
    for fraction, data in sorted(found.items()):
        if fraction < 1:
            lacking = data.absent(label)["train"]
            without = f", without {' and '.join(lacking)}" if lacking else ""
            notes.append(
                f"train_fraction {fraction:g}: {counted(data.counts['train'], 'training image')}, "
                f"{counted(data.scenes['train'], 'scene')}{without}"
            )
    return tuple(notes)


def _remedy(sweep: Sweep, data: Prepared, splits: list[str]) -> str:
    """What helps where `splits` have nothing to find."""
    unmarked = "masks" in data.labels and not any(sum(data.class_pixels[one][1:]) for one in splits)
    if unmarked and len(splits) == len(data.counts):
        ignored = " and ".join(map(str, sorted({IGNORE, sweep.dataset.ignore_index})))
        return (
            f"the masks hold only background and what is ignored ({ignored}); if that marks a "
            "class, read them as the data set raster, with dataset.classes and another "
            "dataset.ignore_index"
        )
    if unmarked or TASKS[sweep.task].needs != "boxes":
        return "choose other splits"
    # Without any object they may all have been left out while listing; then a note says so.
    notes = () if any(data.objects.values()) else data.notes
    told = "".join(f"\n  note: {note}" for note in notes)
    return f"lower dataset.min_area, or choose other splits{told}"
