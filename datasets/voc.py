"""Objects in boxes, described by Pascal VOC XML: any scenes, any classes; and a landslide data set.

One XML file an image, `object/name`, `object/difficult` and `object/bndbox/{xmin,ymin,xmax,ymax}`;
`size/{width,height}` is compared with the image, all other elements are left alone. An XML belongs
to the image of its own stem: its `filename` is often another's, and asked only where several images
have that stem. One of these layouts:

    Annotations/*.xml with images in JPEGImages/, images/, or images1/, images2/, … beside it, and
        ImageSets/Main/{train,val,test}.txt with one stem a line, if the data bring their splits
    {train,val,test}/ with images and XML files side by side (`val` may be `valid`, `validation`)
    images and XML files side by side in the root

The folder may be named annotations. Without splits all of it is `train`, and the sweep makes the
splits, by image. Images without an XML file are not labelled and are left out; an XML file without
objects is an image without objects. Objects marked `difficult` are kept.

Coordinates are those of the original: pixels count from 1, and xmax and ymax are the last ones
inside, so that (1, 1, width, height) is the whole image. In pixel edges that is xmin - 1, ymin - 1,
xmax, ymax; a 0 counts as 1. Boxes of tools that count from 0 are a pixel off by this.

Classes are all names that occur, sorted, or a fixed list.

Paper: Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", IJCV 88, 2010,
doi:10.1007/s11263-009-0275-4.

`landslide_voc` are the RGB landslides of Han et al., "A novel Dynahead-Yolo neural network for the
detection of landslides with variable proportions using remote sensing images", Frontiers in Earth
Science 10, 2023, doi:10.3389/feart.2022.1077153: 950 images, 895 of them 512² pixels, 40 of 256²,
with 1,157 boxes of one class. It comes as annotations.zip and images1.zip to images4.zip; unpack
each into a folder of its name. 167 of the XML files have another's `filename`.
"""

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple
from xml.etree import ElementTree as ET

import numpy as np

from datasets.box_scenes import BoxScenes, Objects, listed, read_scene, relative
from datasets.samples import voc as synthetic
from datasets.scenes import cut_scene, unusable
from datasets.source import SPLITS, DataError, Item, Labelled, Listing, Problem, Tiling, natural_key
from runs.errors import counted

CORNERS = ("xmin", "ymin", "xmax", "ymax")
ANNOTATIONS = ("Annotations", "annotations")
XML = frozenset({".xml"})
IMAGES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
IMAGE_FOLDER = re.compile(r"jpegimages|images\d*", re.IGNORECASE)
SPLIT_FOLDERS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
LOOKED_FOR = (
    "Annotations/*.xml with images in JPEGImages or images, {train,val,test}/*.xml with images"
    " beside them, or *.xml with images beside them"
)


class Pair(NamedTuple):
    """A scene's files."""

    xml: Path
    image: Path


class Tree(NamedTuple):
    """What lies under a root: its layout, the scenes of each split, what is left out."""

    layout: str
    splits: dict[str, tuple[Pair, ...]]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


class Pairs(NamedTuple):
    """Scenes by stem, in natural order, and what is to be said of the other files."""

    by_stem: dict[str, Pair]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


class Voc(BoxScenes):
    """Pascal VOC XML as a `Source`. See the module for what is accepted."""

    name = "voc"
    title = "Pascal VOC XML"
    classes: tuple[str, ...] = ()
    """Names that objects may have, in the order of class ids; empty: all that occur."""

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """Every image with an XML file, by split. A scene is an image."""
        tree = _look(root)
        pairs = [pair for pairs in tree.splits.values() for pair in pairs]
        names, difficult = survey(pair.xml for pair in pairs)
        classes = self.classes or tuple(sorted(names))
        if not classes:
            raise DataError(f"No XML file under {root} names an object: there is nothing to find")
        splits = {
            split: tuple(tile for pair in pairs for tile in cut_scene(_scene(pair, root), tiling))
            for split, pairs in tree.splits.items()
        }
        notes = tree.notes
        if difficult:
            notes += (
                f"{counted(difficult, 'object')} marked difficult, counted like any other; the VOC"
                " challenge leaves them out",
            )
        return Listing(tree.layout, classes, splits, notes, tree.problems)

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:
        """Image [3, H, W] as stored; the boxes of its scene that lie in its window."""
        assert item.label is not None, item
        label = item.label
        return read_scene(item, self.title, lambda: parse(label, classes))

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic landslides and bare fields in the layout of the original."""
        synthetic.write(root, seed)


class LandslideVoc(Voc):
    """The RGB landslides of the "Dynahead-YOLO" paper as a `Source`."""

    name = "landslide_voc"
    title = "RGB landslides (Dynahead-YOLO)"
    classes = ("landslide",)

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic landslides in the layout of the archives."""
        synthetic.write_landslides(root, seed)


def _scene(pair: Pair, root: Path) -> Item:
    name = relative(pair.xml.with_suffix(""), root)
    return Item(name, pair.image, pair.xml, name)


def parse(file: Path, classes: tuple[str, ...]) -> Objects:
    """The objects of one XML file; `classes` are the names of class ids 1, 2, ….

    Raises:
        DataError: naming the file and the objects, counted from 1: not XML, no `annotation`; an
            object without a name or a coordinate, or with a name that is not in `classes`.
    """
    annotation = _annotation(file)
    elements = annotation.findall("object")
    faults = [
        f"object {number} {fault}"
        for number, element in enumerate(elements, 1)
        for fault in _faults(element, classes)
    ]
    size = [_number(annotation, f"size/{side}") for side in ("height", "width")]
    if faults:
        raise unusable(file, f"cannot be used: {listed(faults)}")
    corners = [[_number(one, f"bndbox/{corner}") for corner in CORNERS] for one in elements]
    given = np.array(corners, dtype=np.float64).reshape(-1, 4)
    return Objects(
        size=(int(size[0]), int(size[1])) if size[0] and size[1] else None,
        boxes=given - (1, 1, 0, 0),
        labels=np.array([classes.index(_name(one)) + 1 for one in elements], dtype=np.int64),
        name=lambda row: f"object {row + 1} of {file.name}",
        corners=given,
    )


def _annotation(file: Path) -> ET.Element:
    try:
        root = ET.fromstring(file.read_bytes())
    except (OSError, ET.ParseError) as error:
        raise unusable(file, f"cannot be read: {error}") from None
    if root.tag != "annotation":
        raise unusable(file, f"is no Pascal VOC XML: it holds <{root.tag}>, not <annotation>")
    return root


def _faults(element: ET.Element, classes: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with one object, its place in the image aside."""
    name = _name(element)
    if not name:
        yield "has no name"
    elif name not in classes:
        yield f"is called {name!r}, but the classes are {', '.join(classes)}"
    for corner in CORNERS:
        if _number(element, f"bndbox/{corner}") is None:
            text = element.findtext(f"bndbox/{corner}")
            yield f"has no {corner}" if text is None else f"has {text!r} for {corner}, no number"


def _name(element: ET.Element) -> str:
    return element.findtext("name", "").strip()


def _number(element: ET.Element, path: str) -> float | None:
    """The number at `path`; None if there is none, or it is not finite."""
    try:
        value = float(element.findtext(path, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def survey(files: Iterable[Path]) -> tuple[set[str], int]:
    """All names of objects, and how many are marked difficult; unusable files count nothing.

    Reading an unusable file says what is wrong with it, and there it can be skipped.
    """
    names: set[str] = set()
    difficult = 0
    for file in files:
        try:
            annotation = _annotation(file)
        except DataError:
            continue
        names |= {_name(element) for element in annotation.iterfind("object")} - {""}
        marks = (mark.text or "" for mark in annotation.iterfind("object/difficult"))
        difficult += sum(mark.strip() not in ("", "0") for mark in marks)
    return names, difficult


def _look(root: Path) -> Tree:
    """Find out which layout lies under `root`, and pair its files."""
    annotations = [root / name for name in ANNOTATIONS if _by_stem([root / name], XML)]
    split_folders = [root / name for name in SPLIT_FOLDERS if _by_stem([root / name], XML)]
    if annotations:
        return _voc_tree(root, annotations[0])
    if split_folders:
        return _split_tree(root, split_folders)
    if _by_stem([root], XML):
        pairs, notes, problems = _pairs(root, [root])
        train = {"train": tuple(pairs.values())}
        return Tree("images and XML side by side", train, notes, problems)
    fault = "has none of its layouts" if root.is_dir() else "is not a folder"
    raise DataError(f"No Pascal VOC data: {root} {fault}; looked for {LOOKED_FOR}")


def _voc_tree(root: Path, annotations: Path) -> Tree:
    folders = [at for at in root.iterdir() if at.is_dir() and IMAGE_FOLDER.fullmatch(at.name)]
    folders.sort(key=lambda at: natural_key(at.name))
    pairs, notes, problems = _pairs(annotations, folders)
    lists = {split: root / "ImageSets" / "Main" / f"{split}.txt" for split in SPLITS}
    lists = {split: file for split, file in lists.items() if file.is_file()}
    if not lists:
        return Tree("VOC folders", {"train": tuple(pairs.values())}, notes, problems)
    if "train" not in lists:
        raise DataError(f"{root / 'ImageSets' / 'Main'} has no train.txt: nothing to train on")
    chosen, more = _chosen(lists, pairs, {one.file.stem for one in problems})
    if spare := len(pairs) - sum(map(len, chosen.values())):
        notes += (f"{counted(spare, 'XML file')} in no list of ImageSets/Main, unused",)
    return Tree("VOC folders with lists", chosen, notes, problems + more)


def _split_tree(root: Path, folders: list[Path]) -> Tree:
    splits: dict[str, tuple[Pair, ...]] = {}
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    for folder in folders:
        split = SPLIT_FOLDERS[folder.name]
        if split in splits:
            names = ", ".join(at.name for at in folders if SPLIT_FOLDERS[at.name] == split)
            raise DataError(f"{root} has several folders for the split {split}: {names}")
        pairs, more, faults = _pairs(folder, [folder])
        splits[split] = tuple(pairs.values())
        notes += tuple(f"in {folder.name}, {note}" for note in more)
        problems += faults
    if "train" not in splits:
        raise DataError(f"{root} has {', '.join(splits)}, but no folder train with XML files")
    return Tree("a folder for each split", splits, notes, problems)


def _pairs(annotations: Path, folders: list[Path]) -> Pairs:
    """XML files by stem, each with its image in one of `folders`.

    Raises:
        DataError: no XML file has an image.
    """
    files, images = _by_stem([annotations], XML), _by_stem(folders, IMAGES)
    places = ", ".join(folder.name for folder in folders) or "JPEGImages or images"
    pairs: dict[str, Pair] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    for stem, (xml, *_) in files.items():
        candidates = images.get(stem, [])
        meant = candidates if len(candidates) < 2 else _named_by(xml, candidates)
        names = ", ".join(f"{file.parent.name}/{file.name}" for file in candidates)
        if len(meant) == 1:
            pairs[stem] = Pair(xml, meant[0])
            if len(candidates) > 1:
                notes.append(f"{xml.name} is of {meant[0].name}, as its filename says, of {names}")
        elif candidates:
            reason = f"has several images of its stem, and its filename names none: {names}"
            problems.append(Problem(xml, reason))
        else:
            problems.append(Problem(xml, f"has no image of its stem (looked in {places})"))
    if problems and not pairs:
        faults = listed(f"{xml.name} {why}" for xml, why in problems)
        raise DataError(f"{annotations}: no XML file has an image: {faults}", problems)
    if spare := len(images.keys() - files.keys()):
        notes.append(f"{counted(spare, 'image')} without an XML file, unused")
    return Pairs(pairs, tuple(notes), tuple(problems))


def _named_by(xml: Path, images: list[Path]) -> list[Path]:
    """Those of `images` that an XML file names; none if it cannot be read."""
    try:
        name = PurePath(_annotation(xml).findtext("filename", "").strip()).name
    except DataError:
        return []
    return [image for image in images if image.name == name]


def _chosen(
    lists: dict[str, Path], pairs: dict[str, Pair], unpaired: set[str]
) -> tuple[dict[str, tuple[Pair, ...]], tuple[Problem, ...]]:
    """The pairs that each list names, in natural order, and names that have no XML file.

    Args:
        unpaired: stems of XML files that are known to lack their image.

    Raises:
        DataError: a stem is listed twice.
    """
    missing: list[Problem] = []
    twice: list[Problem] = []
    owners: dict[str, str] = {}
    for split, file in lists.items():
        for stem in _lines(file):
            if stem in owners:
                twice.append(Problem(file, f"names {stem}, as {owners[stem]}.txt does already"))
            elif stem not in pairs.keys() | unpaired:
                missing.append(Problem(file, f"names {stem}, but there is no {stem}.xml"))
            owners[stem] = split
    if twice:
        faults = listed(f"{file.name} {why}" for file, why in twice)
        raise DataError(f"{lists['train'].parent}: an image is in one split: {faults}", twice)
    chosen = {
        split: tuple(pair for stem, pair in pairs.items() if owners.get(stem) == split)
        for split in lists
    }
    return chosen, tuple(missing)


def _lines(file: Path) -> list[str]:
    """A list's stems. An empty list is refused: it makes no split."""
    try:
        stems = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise unusable(file, f"cannot be read: {error}") from None
    stems = [stem for stem in stems if stem]
    if not stems:
        raise unusable(file, "names nothing: fill or remove it")
    return stems


def _by_stem(folders: list[Path], suffixes: frozenset[str]) -> dict[str, list[Path]]:
    """Files with one of `suffixes` in `folders`, by stem, in natural order."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            # GDAL keeps what it knows of a.jpg in a.jpg.aux.xml.
            if file.suffix.lower() in suffixes and not file.name.endswith(".aux.xml"):
                found.setdefault(file.stem, []).append(file)
    return {stem: found[stem] for stem in sorted(found, key=natural_key)}
