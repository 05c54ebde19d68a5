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
    {train,valid,test}/_annotations.coco.json, beside the images of the split, as Roboflow writes
    one file of any other name, or      all of it is `train`; the sweep makes the splits, by scene
    several of them in annotations/

For a `file_name`, the folders tried in turn are, with the split as the JSON file spells it
(`train2017`) and then without the year: images/{split}, {split}, images, and the root.

Classes are the category names in the order of their ids, and all files must give the same; of id 0,
only if it is used, as Roboflow gives that to a category of all others. An image
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
from datasets.scenes import cut_scene, state_of, uncut_name, unusable
from datasets.source import SPLITS, DataError, Item, Labelled, Listing, Problem, Tiling, natural_key
from runs.errors import counted

SPLIT_FILE = re.compile(r"(?:instances_)?((train|val(?:id(?:ation)?)?|test)(?:\d{4})?)")
BESIDE = "_annotations.coco.json"
LOOKED_FOR = (
    "annotations/instances_{train,val,test}.json, annotations/{train,val,test}.json, other"
    " annotations/*.json, {train,val,test}.json, a single *.json, or"
    " {train,valid,test}/_annotations.coco.json"
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

    def objects(self, file_name: str, classes: tuple[str, ...] = ()) -> Objects:
        """The boxes of one image; their labels index `classes` from 1, or all the categories."""
        rows = self.rows[file_name]
        ids = self.ids[rows]
        left_out = len(self.categories) - len(classes) if classes else 0  # the first ones
        return Objects(
            size=self.sizes[file_name],
            boxes=self.boxes[rows],
            labels=self.labels[rows] - left_out,
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
        classes, unused = _common_classes(root, annotations)
        images, problems = _images(root, files, annotations)
        splits: dict[str, list[Item]] = {}
        for split_file in files:
            scenes = sorted(images[split_file.file].items(), key=lambda pair: natural_key(pair[0]))
            for file_name, image in scenes:
                scene = f"{_prefix(split_file.file)}{file_name}"
                item = Item(scene, image, split_file.file, scene)
                splits.setdefault(split_file.split, []).extend(cut_scene(item, tiling))
        if not splits.get("train"):
            names = listed(relative(file, root) for file, _, _ in files)
            raise DataError(f"{root}: {names} list no images to train on")
        notes += unused
        for file, content in annotations.items():
            if content.crowds:
                notes += (crowds_note(relative(file, root), content),)
        by_split = {name: tuple(splits[name]) for name in SPLITS if name in splits}
        return Listing(layout, classes, by_split, notes, problems)

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:
        """Image [3, H, W] as stored; the boxes of its scene that lie in its window."""
        assert item.label is not None, item
        label = item.label
        file_name = uncut_name(item).removeprefix(_prefix(label))
        return read_scene(item, self.title, lambda: load(label).objects(file_name, classes))

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic towns with annotations/instances_{train,val,test}.json."""
        synthetic.write(root, seed)


def load(file: Path) -> Annotations:
    """Parse and check a COCO JSON file; the last few are kept as long as they do not change.

    Raises:
        DataError: naming the file and every entry that cannot be used: not JSON, a list or key that
            is missing or of another type, an id given twice, an id of no image or category.
    """
    return _parse(file, *state_of(file))


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
    except (OSError, ValueError, RecursionError) as error:  # not there, not JSON, not text
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
    if not files and (beside := _beside(root)):
        return "COCO JSON beside the images", beside, ()
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


def _beside(root: Path) -> list[SplitFile]:
    """The files in the folders of the splits, in the order of the splits."""
    hits = [(file, SPLIT_FILE.fullmatch(file.parent.name)) for file in root.glob(f"*/{BESIDE}")]
    found = [SplitFile(file, _split(hit), hit[1]) for file, hit in hits if hit]
    for split, count in Counter(one.split for one in found).items():
        if count > 1:
            twice = listed(sorted(one.spelling for one in found if one.split == split))
            raise DataError(f"{root} has {count} folders for the split {split}: {twice}")
    return sorted(found, key=lambda one: SPLITS.index(one.split))


def _split(hit: re.Match[str]) -> str:
    return "val" if hit[2].startswith("val") else hit[2]


def _prefix(file: Path) -> str:
    """What begins the names of a file's images: files in folders of splits are named alike."""
    return f"{file.parent.name if file.name == BESIDE else file.stem}/"


def crowds_note(name: str, content: Annotations) -> str:
    """A note on the crowd regions of a file."""
    if not len(content.ids):
        return (
            f"every annotation in {name} is a crowd region (iscrowd), and so no object: write"
            " iscrowd: 0 if they are single objects"
        )
    regions = counted(content.crowds, "crowd region")
    return f"{regions} (iscrowd) in {name} left out: no object, and detections in it count as false"


def _named(files: list[Path]) -> list[SplitFile]:
    """Those of `files` whose names are splits; only instances_* if there are any."""
    hits = [(file, hit) for file in files if (hit := SPLIT_FILE.fullmatch(file.stem))]
    instances = [pair for pair in hits if pair[0].stem.startswith("instances_")]
    return [SplitFile(file, _split(hit), hit[1]) for file, hit in instances or hits]


def _common_classes(
    root: Path, annotations: dict[Path, Annotations]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes, and a note if category 0 is none of them."""
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
    names = tuple(name for _, name in content.categories)
    used = any((one.labels == 1).any() for one in annotations.values())
    if content.categories[0][0] or used or len(names) == 1:
        return names, ()
    return names[1:], (f"category 0, {names[0]!r}, is not used by any annotation and no class",)


def _images(
    root: Path, files: list[SplitFile], annotations: dict[Path, Annotations]
) -> tuple[dict[Path, dict[str, Path]], tuple[Problem, ...]]:
    """For each JSON file, where its images lie, by file name; and those that are not there.

    Raises:
        DataError: an image is listed twice, or none is there.
    """
    found: dict[Path, dict[str, Path]] = {file: {} for file, _, _ in files}
    listed_by: dict[Path, str] = {}
    missing: list[Problem] = []
    twice: list[Problem] = []
    for file, split, spelling in files:
        folders = [root / folder for folder in _folders(split, spelling)]
        if file.name == BESIDE:
            folders = [file.parent]
        looked = ", ".join(relative(folder, root) for folder in folders)
        for file_name in annotations[file].sizes:
            image = _find_image(folders, file_name)
            entry = f"{relative(file, root)} ({file_name})"
            if image is None:
                missing.append(_missing(file, folders[-1], file_name, looked))
            elif image in listed_by:
                twice.append(Problem(image, f"is listed twice: {listed_by[image]}, {entry}"))
            else:
                found[file][file_name] = image
                listed_by[image] = entry
    if twice or not listed_by:
        faults = [*twice, *missing]
        told = listed(f"{relative(file, root)} {why}" for file, why in faults)
        raise DataError(f"{root}: images cannot be used: {told}", faults)
    return found, tuple(missing)


def _missing(file: Path, folder: Path, file_name: str, looked: str) -> Problem:
    if not _inside(file_name):
        return Problem(file, f"lists {file_name}: images are looked for in {looked} alone")
    return Problem(folder / file_name, f"is listed in {file.name}, but not in {looked}")


def _folders(split: str, spelling: str) -> tuple[str, ...]:
    """Where images may lie, relative to the root; the most particular place first."""
    spellings = dict.fromkeys(word for word in (spelling, split) if spelling)
    return (*(f"{at}{word}" for word in spellings for at in ("images/", "")), "images", ".")


def _find_image(folders: list[Path], file_name: str) -> Path | None:
    if not _inside(file_name):
        return None
    files = (folder / file_name for folder in folders)
    return next((file for file in files if file.is_file()), None)


def _inside(file_name: str) -> bool:
    path = PurePosixPath(file_name)
    return not path.is_absolute() and ".." not in path.parts
