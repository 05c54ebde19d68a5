"""Which image an annotation is of: told by names, never by order."""

import os.path
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datasets.box_scenes import listed
from datasets.source import Problem, natural_key
from datasets.voc import IMAGES, SPLIT_FOLDERS

SUFFIXES = IMAGES | {".jp2", ".vrt", ".img", ".webp"}
"""What may be cut off a name that an annotation gives: its image may have been converted since."""


@dataclass(frozen=True)
class Annotated:
    """The boxes of a set of images, before they are read.

    Attributes:
        format: for a person: "COCO JSON".
        classes: names of class ids 1, 2, …, in the same order on every machine.
        label_of: image file → the file that holds its boxes; images without a label are absent.
        entry_of: image file → what that file calls it; empty where each image has a file.
        notes: what a reader of the results should know.
        problems: files and entries that cannot be used.
    """

    format: str
    classes: tuple[str, ...]
    label_of: dict[Path, Path]
    entry_of: dict[Path, str]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


class Pairing:
    """Pairs annotations with images one after another, and keeps what has no partner.

    An annotation that gives a path is of the image at that path, from its own folder or from the
    root. Otherwise it is of the image of the same file name, or else of the same stem; of several,
    the one whose folders have the most names in common with the path and with the folders of the
    annotation. Images of another split are never taken.

    Attributes:
        label_of, entry_of: as in `Annotated`.
        problems: annotations without the one image of theirs.
    """

    def __init__(self, images: Sequence[Path], root: Path) -> None:
        self.label_of: dict[Path, Path] = {}
        self.entry_of: dict[Path, str] = {}
        self.problems: list[Problem] = []
        self._root = root
        self._images = set(images)
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for image in sorted(images, key=lambda image: natural_key(image.as_posix())):
            self._by_name.setdefault(image.name, []).append(image)
            self._by_stem.setdefault(image.stem, []).append(image)

    def add(self, file: Path, name: str, *, entry: bool = False, split: str = "") -> None:
        """Pair the image that `name` means with `file`.

        Args:
            name: a path, a file name or a stem.
            entry: whether `name` is one of many that `file` lists.
            split: the split that `file` says it is of, if its folders do not.
        """
        words = {*_path(name).parent.parts, *self._folders(file), split}
        found = self._exact(name, file) or self._alike(_path(name).name, words)
        what = f"{'lists' if entry else 'is of'} {name!r}, but"
        if not found:
            self.problems.append(Problem(file, f"{what} there is no such image"))
        elif len(found) > 1:
            names = listed(map(self._relative, found))
            self.problems.append(Problem(file, f"{what} several images may be meant: {names}"))
        elif (image := found[0]) in self.label_of:
            other = self._relative(self.label_of[image])
            fault = f"{self._relative(image)} has its boxes in {other} already"
            self.problems.append(Problem(file, f"{what} {fault}"))
        else:
            self.label_of[image] = file
            if entry:
                self.entry_of[image] = name

    def annotated(self, title: str, classes: tuple[str, ...], notes: Iterable[str]) -> Annotated:
        """What was paired; a note says which images have no label."""
        notes = tuple(notes)
        if without := self._images - self.label_of.keys():
            names = sorted(map(self._relative, without), key=natural_key)
            notes += (
                f"{len(without)} of {len(self._images)} images have no label ({title}):"
                f" {listed(names)}; left out",
            )
        return Annotated(title, classes, self.label_of, self.entry_of, notes, tuple(self.problems))

    def _exact(self, name: str, file: Path) -> list[Path]:
        paths = (
            Path(os.path.normpath(folder / _path(name))) for folder in (file.parent, self._root)
        )
        return [path for path in paths if path in self._images][:1]

    def _alike(self, name: str, words: set[str]) -> list[Path]:
        """The images of a name that share the most folders with `words`, and have the fewest
        others."""
        found = self._by_name.get(name) or self._by_stem.get(name, [])
        if not found and PurePosixPath(name).suffix.lower() in SUFFIXES:
            found = self._by_stem.get(PurePosixPath(name).stem, [])
        ranks: dict[Path, tuple[int, int]] = {}
        for image in found:
            folders = self._folders(image)
            if _splits(folders) and _splits(words) and not _splits(folders) & _splits(words):
                continue
            ranks[image] = len(folders & words), -len(folders - words)
        return [image for image, rank in ranks.items() if rank == max(ranks.values())]

    def _folders(self, file: Path) -> set[str]:
        return set(Path(self._relative(file)).parent.parts)

    def _relative(self, file: Path) -> str:
        return (
            file.relative_to(self._root) if file.is_relative_to(self._root) else file
        ).as_posix()


def _path(name: str) -> PurePosixPath:
    """A path as an annotation gives it, on Windows or not."""
    return PurePosixPath(name.replace("\\", "/"))


def _splits(words: set[str]) -> set[str]:
    return {SPLIT_FOLDERS[word] for word in words if word in SPLIT_FOLDERS}
