"""Objects in boxes, described by COCO JSON: any scenes, any classes.

One JSON file lists `images` (`id`, `file_name`, `width`, `height`), `categories` (`id`, `name`) and
`annotations` (`id`, `image_id`, `category_id`, `bbox`: x, y, width, height in pixels from the outer
corner of the upper left pixel; `iscrowd`, 0 if it is missing). All other keys are left alone; no
segmentation is needed. The files are looked for in `annotations/`, or in the root if that folder
has none:

    instances_{train,val,test}.json     the splits (2017 or another year may follow the word, and
                                        `val` may be `valid` or `validation`); other files, such as
                                        COCO's captions, are then not read
    {train,val,test}.json               likewise
    one file of any other name, or      all of it is `train`; the sweep makes the splits, by scene
    several of them in annotations/

For a `file_name`, the folders tried in turn are, with the split as the JSON file spells it
(`train2017`) and then without the year: images/{split}, {split}, images, and the root.

Classes are the category names in the order of their ids, and all files must give the same. An image
without annotations is a scene without objects. Regions marked `iscrowd` are no objects: they are
left out and counted, not ignored, so that detections in them count as false.

Paper: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, arXiv:1405.0312; the
format is on cocodataset.org, "Data format".
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.box_scenes import BoxScenes, Objects, listed, read_scene, relative
from datasets.samples import coco as synthetic
from datasets.scenes import cut_scene, unusable
from datasets.source import SPLITS, DataError, Item, Labelled, Listing, Problem, Tiling, natural_key

SPLIT_FILE = re.compile(r"(?:instances_)?((train|val(?:id(?:ation)?)?|test)(?:\d{4})?)")
LOOKED_FOR = (
    "annotations/instances_{train,val,test}.json, annotations/{train,val,test}.json, other"
    " annotations/*.json, {train,val,test}.json, or a single *.json"
)

Entry = dict[str, Any]
FIELDS: dict[str, dict[str, tuple[type, str]]] = {
    "categories": {"id": (int, "a whole number"), "name": (str, "a text")},
    "images": {
        "id": (int, "a whole number"),
        "file_name": (str, "a text"),
        "width": (int, "a whole number"),
        "height": (int, "a whole number"),
    },
    "annotations": {
        "id": (int, "a whole number"),
        "image_id": (int, "a whole number"),
        "category_id": (int, "a whole number"),
        "bbox": (list, "a list of four numbers"),
    },
}
SINGULAR = {"categories": "category", "images": "image", "annotations": "annotation"}


@dataclass(frozen=True, eq=False)
class Annotations:
    """One JSON file, its references checked; its boxes are not.

    Attributes:
        categories: id and name, by ascending id.
        sizes: height and width of each image, by file name.
        rows: which annotations are of which image, by file name.
        ids: int64 [M], annotation ids.
        labels: int64 [M], class ids from 1.
        boxes: float64 [M, 4], x0 y0 x1 y1 in pixel edges.
        crowds: how many crowd regions were left out.
    """

    categories: tuple[tuple[int, str], ...]
    sizes: dict[str, tuple[int, int]]
    rows: dict[str, slice]
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float64]
    crowds: int

    def objects(self, file_name: str) -> Objects:
        """The boxes of one image."""
        rows = self.rows[file_name]
        ids = self.ids[rows]
        return Objects(
            size=self.sizes[file_name],
            boxes=self.boxes[rows],
            labels=self.labels[rows],
            name=lambda index: f"annotation {ids[index]}",
        )


class SplitFile(NamedTuple):
    """A JSON file, the split that it holds, and that split as the file's name spells it."""

    file: Path
    split: str
    spelling: str


class Coco(BoxScenes):
    """COCO JSON as a `Source`. See the module for what is accepted."""

    name = "coco"
    title = "COCO JSON"

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """Every listed image, by split. A scene is an image."""
        layout, files, notes = _split_files(root)
        annotations = {file: load(file) for file, _, _ in files}
        classes = _common_classes(root, annotations)
        images = _images(root, files, annotations)
        splits: dict[str, list[Item]] = {}
        for split_file in files:
            scenes = sorted(images[split_file.file].items(), key=lambda pair: natural_key(pair[0]))
            for file_name, image in scenes:
                scene = f"{split_file.file.stem}/{file_name}"
                item = Item(scene, image, split_file.file, scene)
                splits.setdefault(split_file.split, []).extend(cut_scene(item, tiling))
        if not splits.get("train"):
            names = listed(relative(file, root) for file, _, _ in files)
            raise DataError(f"{root}: {names} list no images to train on")
        crowds = {relative(file, root): content.crowds for file, content in annotations.items()}
        notes += tuple(
            f"{count} crowd regions (iscrowd) in {file} are left out: they are no objects, and"
            " detections in them count as false"
            for file, count in crowds.items()
            if count
        )
        return Listing(
            layout, classes, {name: tuple(splits[name]) for name in SPLITS if name in splits}, notes
        )

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Image [3, H, W] as stored; the boxes of its scene that lie in its window."""
        assert item.label is not None, item
        label = item.label
        return read_scene(
            item, lambda: load(label).objects(item.scene.removeprefix(f"{label.stem}/"))
        )

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic towns with annotations/instances_{train,val,test}.json."""
        synthetic.write(root, seed)


def load(file: Path) -> Annotations:
    """Parse and check a COCO JSON file; the last few are kept as long as they do not change.

    Raises:
        DataError: naming the file and every entry that cannot be used: not JSON, a list or key that
            is missing or of another type, an id given twice, an id of no image or category.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise unusable(file, f"cannot be read: {error.strerror}") from None
    return _parse(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _parse(file: Path, _size: int, _modified: int) -> Annotations:
    lists = _lists(file)
    categories = tuple(sorted((entry["id"], entry["name"]) for entry in lists["categories"]))
    images = {entry["id"]: entry["file_name"] for entry in lists["images"]}
    class_ids = {category: index for index, (category, _) in enumerate(categories, 1)}
    faults = [
        *_repeated("category name", (name for _, name in categories)),
        *_repeated("file_name", images.values()),
        *_dangling(lists["annotations"], images, class_ids),
    ]
    if faults:
        raise _refused(file, faults)
    objects = [entry for entry in lists["annotations"] if not entry.get("iscrowd")]
    numbers = {image: index for index, image in enumerate(images)}
    of_image = np.array([numbers[entry["image_id"]] for entry in objects], dtype=np.int64)
    order = np.argsort(of_image, kind="stable")
    edges = np.searchsorted(of_image[order], np.arange(len(images) + 1))
    boxes = np.array([entry["bbox"] for entry in objects], dtype=np.float64).reshape(-1, 4)[order]
    boxes[:, 2:] += boxes[:, :2]
    return Annotations(
        categories=categories,
        sizes={entry["file_name"]: (entry["height"], entry["width"]) for entry in lists["images"]},
        rows={name: slice(edges[i], edges[i + 1]) for i, name in enumerate(images.values())},
        ids=np.array([entry["id"] for entry in objects], dtype=np.int64)[order],
        labels=np.array([class_ids[entry["category_id"]] for entry in objects], np.int64)[order],
        boxes=boxes,
        crowds=len(lists["annotations"]) - len(objects),
    )


def _lists(file: Path) -> dict[str, list[Entry]]:
    """The three lists, every entry with the keys of `FIELDS`, no id twice."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:  # ValueError: not JSON, or not text
        raise unusable(file, f"cannot be read: {error}") from None
    lists: dict[str, list[Entry]] = {}
    for key in FIELDS:
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise unusable(file, f"has no list {key!r}: it is no COCO detection file")
        faults = [fault for i, entry in enumerate(entries) for fault in _typed(key, i, entry)]
        if not faults:
            faults = list(_repeated(f"{SINGULAR[key]} id", (entry["id"] for entry in entries)))
        if faults:
            raise _refused(file, faults)
        lists[key] = entries
    return lists


def _typed(key: str, index: int, entry: object) -> Iterator[str]:
    """What is wrong with the types in one entry."""
    if not isinstance(entry, dict):
        yield f"entry {index} of {key} is no object"
        return
    named = f"{SINGULAR[key]} {entry['id']}" if "id" in entry else f"entry {index} of {key}"
    for field, (kind, wanted) in FIELDS[key].items():
        value = entry.get(field)
        four = field != "bbox" or (isinstance(value, list) and _four_numbers(value))
        if not isinstance(value, kind) or isinstance(value, bool) or not four:
            yield f"{named}: {field} is {json.dumps(value)[:40]}, not {wanted}"


def _four_numbers(values: list[object]) -> bool:
    return len(values) == 4 and all(type(value) in (int, float) for value in values)


def _repeated(what: str, values: Iterable[object]) -> Iterator[str]:
    """What is there more than once and should not be."""
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{what} {value} is given {count} times"


def _dangling(
    annotations: list[Entry], images: dict[int, str], class_ids: dict[int, int]
) -> Iterator[str]:
    for entry in annotations:
        if entry["image_id"] not in images:
            yield f"annotation {entry['id']}: there is no image {entry['image_id']}"
        if entry["category_id"] not in class_ids:
            yield f"annotation {entry['id']}: there is no category {entry['category_id']}"


def _refused(file: Path, faults: list[str]) -> DataError:
    return DataError(
        f"{file} cannot be used: {listed(faults)}", [Problem(file, fault) for fault in faults]
    )


def _split_files(root: Path) -> tuple[str, list[SplitFile], tuple[str, ...]]:
    """Layout, the JSON files in the order of their splits, and notes."""
    folder = root / "annotations" if any((root / "annotations").glob("*.json")) else root
    files = sorted(folder.glob("*.json"), key=lambda file: natural_key(file.name))
    if not files:
        fault = "holds no COCO JSON" if root.is_dir() else "is not a folder"
        raise DataError(f"No COCO data: {root} {fault}; looked for {LOOKED_FOR}")
    named = _named(files)
    if not named:
        if folder == root and len(files) > 1:
            raise DataError(
                f"{root} holds several JSON files whose names are no splits"
                f" ({listed(file.name for file in files)}); looked for {LOOKED_FOR}"
            )
        return "COCO JSON without splits", [SplitFile(file, "train", "") for file in files], ()
    for split, count in Counter(split_file.split for split_file in named).items():
        if count > 1:
            twice = listed(file.name for file, other, _ in named if other == split)
            raise DataError(f"{folder} has {count} files for the split {split}: {twice}")
    unread = [file.name for file in files if file not in {file for file, _, _ in named}]
    notes = (f"not read, as the names are no splits: {listed(unread)}",) if unread else ()
    named.sort(key=lambda split_file: SPLITS.index(split_file.split))
    return "COCO JSON by split", named, notes


def _named(files: list[Path]) -> list[SplitFile]:
    """Those of `files` whose names are splits; only instances_* if there are any."""
    hits = [(file, hit) for file in files if (hit := SPLIT_FILE.fullmatch(file.stem))]
    instances = [pair for pair in hits if pair[0].stem.startswith("instances_")]
    return [
        SplitFile(file, "val" if hit[2].startswith("val") else hit[2], hit[1])
        for file, hit in instances or hits
    ]


def _common_classes(root: Path, annotations: dict[Path, Annotations]) -> tuple[str, ...]:
    (first, content), *others = annotations.items()
    for file, other in others:
        if other.categories != content.categories:
            differing = set(other.categories) ^ set(content.categories)
            raise DataError(
                f"{relative(first, root)} and {relative(file, root)} under {root} differ in their"
                f" categories (id, name): {listed(sorted(differing))}; make them the same"
            )
    if not content.categories:
        raise DataError(f"{first} has no categories: there is nothing to detect")
    return tuple(name for _, name in content.categories)


def _images(
    root: Path, files: list[SplitFile], annotations: dict[Path, Annotations]
) -> dict[Path, dict[str, Path]]:
    """For each JSON file, where its images lie, by file name."""
    found: dict[Path, dict[str, Path]] = {file: {} for file, _, _ in files}
    listed_by: dict[Path, str] = {}
    problems: list[Problem] = []
    for file, split, spelling in files:
        folders = [root / folder for folder in _folders(split, spelling)]
        for file_name in annotations[file].sizes:
            image = _find_image(folders, file_name)
            entry = f"{relative(file, root)} ({file_name})"
            if image is None:
                problems.append(Problem(root / file_name, f"is not there: {entry}"))
            elif image in listed_by:
                problems.append(Problem(image, f"is listed twice: {listed_by[image]}, {entry}"))
            else:
                found[file][file_name] = image
                listed_by[image] = entry
    if problems:
        looked = ", ".join(dict.fromkeys(f for _, *s in files for f in _folders(*s)))
        raise DataError(
            f"{root}: {len(problems)} listed images cannot be used (looked for in {looked}, and"
            f" nowhere outside): {listed(f'{file} {why}' for file, why in problems)}",
            problems,
        )
    return found


def _folders(split: str, spelling: str) -> tuple[str, ...]:
    """Where images may lie, relative to the root; the most particular place first."""
    spellings = dict.fromkeys(word for word in (spelling, split) if spelling)
    return (*(f"{at}{word}" for word in spellings for at in ("images/", "")), "images", ".")


def _find_image(folders: list[Path], file_name: str) -> Path | None:
    path = PurePosixPath(file_name)
    if path.is_absolute() or ".." in path.parts:
        return None
    return next((folder / path for folder in folders if (folder / path).is_file()), None)
