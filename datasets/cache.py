"""Data decoded once, resized, and laid out for memory mapping.

A cache folder holds, for each split, `{split}.images` [N, C, S, S] in the type that the data have
and `{split}.masks.u8` [N, S, S] as raw arrays, `{split}.objects.npz` (boxes, labels, offsets,
sizes, windows), `{split}.footprints.npz`, `{split}.places.npz` and `{split}.holes.npz` (pixels
without data), and one `cache.json` that describes them all. Of data without masks, footprints,
places on Earth or such pixels, those files are not there. `{split}.image_labels.npz` (labels,
offsets) is there where images are labelled as a whole. A cache is found by the names, sizes and
modification times of the files it was made from, so that finding it again costs a stat of each; the
fingerprint in it is of the *content*, and the same for a copy elsewhere.
"""

import functools
import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from datasets.colours import NO_COLOURS, Colour, check_colours
from datasets.decoding import DecodeOptions, Written, decode, write_split
from datasets.holes import Holes
from datasets.leaks import Audit, Handling, audit, refuse_leaks
from datasets.lists import by_lists
from datasets.overview import Overview, overview
from datasets.places import Places
from datasets.reading import Reader, under
from datasets.selection import classes_of, only_with_objects
from datasets.source import (
    IGNORE,
    SPLITS,
    DataError,
    KnowsClasses,
    KnowsSensor,
    Label,
    Listing,
    Place,
    Problem,
    Source,
    Tiling,
)
from datasets.spectrum import Band, band
from datasets.splits import Division, complete_splits
from datasets.statistics import training_statistics
from datasets.tiling import check_tiling
from datasets.view import WHOLE, Pixels, View
from runs.archives import ArchiveError, read_arrays
from runs.digests import DamagedError, with_digest, without_digest
from runs.errors import counted
from runs.folders import build_once
from runs.plain import plain
from runs.progress import UNSEEN, Progress

FORMAT = 7  # raise when what a cache folder holds changes
DESCRIPTION = "cache.json"
LONGEST_CLASS = 200
"""Characters of the name of a class."""


@dataclass(frozen=True)
class Prepared:
    """A cache, described: what a plan prints and what is sent to the trials.

    Attributes:
        folder: where the cache lies.
        fingerprint: SHA-256 of the pixels and labels used, their splits and the options that shape
            them; the same wherever the data lie.
        bands: names of the chosen bands, in order.
        rgb: positions of red, green and blue in `bands`; None unless all three are chosen.
        classes: names of class ids 1, 2, ….
        colours: of the classes for which one was chosen, see `datasets.colours`.
        labels: what the data bring beside the images.
        image_size: height and width in pixels.
        counts: images in each split.
        scenes: scenes in each split; the images of one are not independent.
        objects: boxes in each split.
        positives: images with at least one box, in each split; where images are labelled as a
            whole, with a label.
        class_objects: boxes of class ids 1, 2, … in each split.
        class_pixels: pixels of class ids 0, 1, 2, … in each split at `image_size`, ignored ones not
            counted; () if the data have no masks.
        class_areas: of each class id, all counted pixels of the images of a split that hold it.
        class_images: images of class ids 1, 2, … in each split; () if images have no labels as a
            whole.
        multi_label: whether an image may have several such labels, or none.
        skipped: files left out because they cannot be used, relative to the data's root.
        notes: what a reader of the results should know.
        groups: positions among the decoded bands, of each group of bands that an arm may choose.
        view: what of the cache is seen; all that is counted above is of that.
        whole: the same without a view; None if this is it.
        meanings: what bands measure, where the data set or the sweep tells it.
    """

    folder: Path
    fingerprint: str
    bands: tuple[str, ...]
    rgb: tuple[int, int, int] | None
    classes: tuple[str, ...]
    colours: Mapping[str, Colour]
    labels: frozenset[Label]
    image_size: int
    counts: dict[str, int]
    scenes: dict[str, int]
    objects: dict[str, int]
    positives: dict[str, int]
    class_objects: dict[str, tuple[int, ...]]
    class_pixels: dict[str, tuple[int, ...]]
    class_areas: dict[str, tuple[int, ...]]
    skipped: tuple[Problem, ...]
    notes: tuple[str, ...]
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    view: View = WHOLE
    whole: "Prepared | None" = None
    class_images: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    multi_label: bool = False
    meanings: tuple[Band, ...] = ()

    @property
    def spectrum(self) -> tuple[Band, ...]:
        """What each of the chosen bands measures."""
        told = {one.name: one for one in self.meanings}
        return tuple(told.get(name) or band(name) for name in self.bands)

    def without(self, label: Label) -> list[str]:
        """Splits in which there is nothing to find, see `amounts`."""
        return [split for split, amounts in self.amounts(label).items() if not any(amounts)]

    def amounts(self, label: Label) -> Mapping[str, tuple[int, ...]]:
        """Boxes of class ids 1, 2, … in each split; of masks, pixels; of image labels, images."""
        if label == "masks":
            return {split: pixels[1:] for split, pixels in self.class_pixels.items()}
        return self.class_images if label == "image labels" else self.class_objects

    def absent(self, label: Label) -> dict[str, tuple[str, ...]]:
        """The classes that each split lacks."""
        return {
            split: tuple(name for name, n in zip(self.classes, amounts, strict=True) if not n)
            for split, amounts in self.amounts(label).items()
        }


class Outlines(NamedTuple):
    """Footprints of a split as well-known binary, one after another.

    Attributes:
        wkb: uint8, all bytes.
        starts: int64 [P + 1]; polygon p has the bytes from starts[p] to starts[p + 1].
        offsets: int64 [N + 1]; image i has the polygons from offsets[i] to offsets[i + 1].
    """

    wkb: NDArray[np.uint8]
    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """One split, memory-mapped; open it in the process that uses it.

    Attributes:
        images: uint8, uint16 or float32 [N, C, S, S], as stored in the data, neither stretched nor
            standardised.
        masks: uint8 [N, S, S], class ids and `IGNORE`; zeros that take no memory if the data have
            no masks.
        boxes: float32 [T, 4], x0 y0 x1 y1 in pixel edges, of all images one after another.
        labels: int64 [T], class ids from 1.
        offsets: int64 [N + 1]; image i has the boxes from offsets[i] to offsets[i + 1].
        sizes: int64 [N, 2], height and width in pixels of the file, before resizing; what lies
            right of or below its window was filled up.
        outlines: the footprints; None if the data have none.
        names: N names.
        scenes: the scene of each image; images of one scene are not independent.
        files: the file that each image lies in, relative to the data's root.
        windows: int64 [N, 4], the part of its file that each image shows: x, y, width, height.
        classes: names of class ids 1, 2, ….
        stretch: float32 [2, C], the stored values that become 0 and 1; None without a stretch.
        mean, std: float32 [C], of the training split's pixels after the stretch, whichever split
            this is.
        places: where on Earth the images lie; None if that is known of none.
        holes: the pixels that hold no data; None if all do. There, images hold the mean of each
            band.
        image_labels: bool [N, K], the classes of each image as a whole; None if the data have none.
    """

    images: Pixels
    masks: Pixels
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    outlines: Outlines | None
    names: tuple[str, ...]
    scenes: tuple[str, ...]
    files: tuple[str, ...]
    windows: NDArray[np.int64]
    classes: tuple[str, ...]
    stretch: NDArray[np.float32] | None
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    places: Places | None = None
    holes: Holes | None = None
    image_labels: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def first_with(self, label: Label, count: int) -> NDArray[np.int64]:
        """Indices of the first `count` images with an object; of masks, with a pixel of a class; of
        image labels, with a label."""
        if label == "boxes":
            return np.flatnonzero(np.diff(self.offsets))[:count]
        if label == "image labels":
            assert self.image_labels is not None, "the data have none"
            return np.flatnonzero(self.image_labels.any(axis=1))[:count]
        marked = (
            row for row, mask in enumerate(self.masks) if ((mask > 0) & (mask < IGNORE)).any()
        )
        return np.fromiter(itertools.islice(marked, count), dtype=np.int64)

    def objects(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Boxes [M, 4] and labels [M] of one image."""
        rows = slice(self.offsets[index], self.offsets[index + 1])
        return self.boxes[rows], self.labels[rows]

    def classes_in(self, index: int) -> set[int]:
        """Ids of the classes of which one image holds an object, or that it has as a whole."""
        if self.image_labels is not None:
            return set((1 + np.flatnonzero(self.image_labels[index])).tolist())
        return set(self.objects(index)[1].tolist())

    def footprints(self, index: int) -> list[Polygon]:
        """Outlines of one image's objects, in pixels of the file; none if the data have none."""
        if self.outlines is None:
            return []
        wkb, starts, offsets = self.outlines
        ends = starts[offsets[index] : offsets[index + 1] + 1]
        parts = [wkb[start:end].tobytes() for start, end in itertools.pairwise(ends)]
        return list(shapely.from_wkb(parts))

    def valid(self, index: int) -> NDArray[np.bool_] | None:
        """Which pixels [S, S] of one image hold data; None if all do."""
        return self.holes and self.holes.valid(index, self.images.shape[-1])

    def place(self, index: int) -> Place | None:
        """Where one image lies on Earth, in pixels of the file; None if that is not known."""
        return self.places and self.places.of(index)


def prepare(
    source: Source,
    root: Path,
    *,
    bands: tuple[int, ...],
    image_size: int,
    min_area: float,
    tiling: Tiling | None,
    ignore_index: int,
    stretch: tuple[float, float] | None,
    division: Division,
    skip_bad: bool,
    cache: Path,
    colours: Mapping[str, Colour] = NO_COLOURS,
    leaks: Handling = "refuse",
    with_objects_only: bool = False,
    progress: Progress = UNSEEN,
) -> Prepared:
    """Find the data, check every file, and have them in the cache.

    Args:
        bands: indices into `source.bands`, see `resolve_bands`.
        image_size: side in pixels that images (bilinear) and masks (nearest) are resized to.
        min_area: smallest object in pixels at `image_size`: of a mask's component, or of a box
            that the data bring.
        tiling: how scenes are cut; None leaves them whole.
        ignore_index: mask value that is not counted, beside `IGNORE`.
        stretch: percentiles of the training images' values, of each band, that become 0 and 1
            when batches are made, beyond which they are cut off; None leaves values as they are.
        division: how the images are divided if the data bring no split with labels.
        skip_bad: leave unusable files out, and say so in `skipped`, instead of refusing them.
        cache: folder of all caches.
        colours: of classes by name, in pictures and maps; the others have the usual ones.
        leaks: whether images that lie in two splits are an error or a note.
        with_objects_only: leave out images without an object, before the split is made.
        progress: is told what is being done.

    Raises:
        DataError: if the data are not there, a split would be empty, splits share images, an
            option makes no sense, or a file cannot be read, has the wrong shape or another type
            than the others, holds NaN or infinity, lacks its labels or has some that are no class
            ids; every such file is named.
    """
    if tiling is not None:
        check_tiling(tiling)
    _check_values(ignore_index, stretch)
    progress.step(f"listing the files of {source.title}")
    listing = source.find(root, tiling)
    if listing.problems and not skip_bad:
        raise _refusal(source, root, under(root, listing.problems))
    if "masks" in source.labels and len(listing.classes) >= IGNORE:
        raise DataError(
            f"{source.title} under {root} has {len(listing.classes)} classes; a mask can tell"
            f" {IGNORE - 1} apart"
        )
    try:
        check_colours(listing.classes, colours)
    except ValueError as error:
        raise DataError(f"dataset.colours: {error}") from None
    options = DecodeOptions(
        bands,
        image_size,
        float(min_area),
        tiling,
        ignore_index,
        None if stretch is None else (float(stretch[0]), float(stretch[1])),
    )
    _check_classes(listing.classes)
    listing = as_listed(listing, division, root)
    if with_objects_only and "image labels" in source.labels:
        raise DataError(
            "dataset.only_with_objects: the labels are of whole images, not of objects: remove it"
        )
    if with_objects_only:
        parts = _key_parts(source, listing, options, root)
        listing = only_with_objects(source, listing, options, parts, cache, progress)
    seen = seen_from_afar(source, root, listing, cache, progress)
    listing, found = divided(source, root, listing, seen, division, cache, progress)
    if leaks == "refuse":
        refuse_leaks(found, f"{source.title} under {root}")
    listing = replace(listing, notes=(*listing.notes, *found.lines, *found.notes))
    key = _sha256(*_key_parts(source, listing, options, root)).hexdigest()
    folder = cache / "data" / f"{source.name}-{key[:16]}"

    def build(target: Path) -> None:
        _check_space(target, source, listing, options)
        _write_cache(target, source, listing, root, options, progress, skip_bad=skip_bad)

    build_once(folder, lambda folder: _is_intact(folder, progress), build)
    prepared = replace(_describe(source, folder, listing, root), colours=colours)
    if prepared.skipped and not skip_bad:  # an earlier call with skip_bad made this cache
        raise _refusal(source, root, prepared.skipped)
    return prepared


def as_listed(listing: Listing, division: Division, root: Path) -> Listing:
    """`listing` with the splits that are not to be made: those of the lists, or its own, or none.

    Raises:
        DataError: a list is wrong, see `datasets.lists`.
    """
    if division.lists:
        return by_lists(listing, dict(division.lists), root)
    if division.remake:
        return replace(listing, splits={"train": listing.splits["train"]})
    return listing


def seen_from_afar(
    source: Source, root: Path, listing: Listing, cache: Path, progress: Progress = UNSEEN
) -> Overview:
    """Where the items of `listing` lie, and how they look, see `datasets.overview`."""
    return overview(source, listing, _stats(listing, root), cache, progress)


def divided(
    source: Source,
    root: Path,
    listing: Listing,
    seen: Overview,
    division: Division,
    cache: Path,
    progress: Progress = UNSEEN,
) -> tuple[Listing, Audit]:
    """Make the splits that `listing` lacks, and compare all of them.

    Raises:
        DataError: a split would be empty.
    """
    held = None
    if isinstance(source, KnowsClasses) and set(listing.splits) != set(SPLITS):
        parts = FORMAT, source.name, listing.classes, listing.settings, _stats(listing, root)
        held = classes_of(source, listing, parts, cache, progress)
    listing = complete_splits(listing, division, seen, held)
    progress.step("comparing the splits")
    return listing, audit(listing, seen)


def open_decoded(folder: Path, name: str) -> Split:
    """Map one split of a cache into memory. DataError if the cache is not there or not whole."""
    if not _is_whole(folder):
        raise DataError(f"{folder} is not a whole cache: prepare the data again")
    content = _read_description(folder)
    names = content["splits"][name]["names"]
    channels, size = len(content["options"]["bands"]), content["options"]["image_size"]
    masks: NDArray[np.uint8] = np.broadcast_to(np.uint8(0), (len(names), size, size))
    if (file := folder / f"{name}.masks.u8").exists():
        masks = np.memmap(file, np.uint8, "r", shape=masks.shape)
    outlines = None
    if (file := folder / f"{name}.footprints.npz").exists():
        outlines = Outlines(**_arrays(file))
    places = None
    if (file := folder / f"{name}.places.npz").exists():
        places = Places(**_arrays(file))
    holes = None
    if (file := folder / f"{name}.holes.npz").exists():
        holes = Holes(**_arrays(file))
    image_labels = None
    if (file := folder / f"{name}.image_labels.npz").exists():
        image_labels = _held(**_arrays(file), classes=len(content["classes"]))
    return Split(
        images=np.memmap(
            folder / f"{name}.images",
            content["dtype"],
            "r",
            shape=(len(names), channels, size, size),
        ),
        masks=masks,
        **_arrays(folder / f"{name}.objects.npz"),
        outlines=outlines,
        names=tuple(names),
        scenes=tuple(content["splits"][name]["scenes"]),
        files=tuple(content["splits"][name]["files"]),
        classes=tuple(content["classes"]),
        stretch=None if content["stretch"] is None else np.array(content["stretch"], np.float32),
        mean=np.array(content["mean"], dtype=np.float32),
        std=np.array(content["std"], dtype=np.float32),
        places=places,
        holes=holes,
        image_labels=image_labels,
    )


def _held(labels: NDArray[np.int64], offsets: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
    """Which of K classes each image has, bool [N, K], from class ids one image after another."""
    held = np.zeros((len(offsets) - 1, classes), dtype=np.bool_)
    held[np.repeat(np.arange(len(held)), np.diff(offsets)), labels - 1] = True
    return held


def _key_parts(
    source: Source, listing: Listing, options: DecodeOptions, root: Path
) -> tuple[object, ...]:
    """What tells one cache from another."""
    return (
        *(FORMAT, source.name, asdict(options), listing.classes, listing.settings),
        _stats(listing, root),
    )


def _check_classes(classes: Sequence[str]) -> None:
    for name in classes:
        if plain(name) != name or len(name) > LONGEST_CLASS:
            raise DataError(
                f"the class {plain(name)[:LONGEST_CLASS]!r} has a name of more than {LONGEST_CLASS}"
                " characters, or with some that act on a terminal: give it another name"
            )


def _check_values(ignore_index: int, stretch: tuple[float, float] | None) -> None:
    if not 0 <= ignore_index <= IGNORE:
        raise DataError(f"ignore_index: {ignore_index} is no mask value; they run from 0 to 255")
    if stretch is not None and not 0 <= stretch[0] < stretch[1] <= 100:
        raise DataError(
            f"stretch: {stretch} must be two percentiles between 0 and 100, the lower one first"
        )


def _check_space(folder: Path, source: Source, listing: Listing, options: DecodeOptions) -> None:
    """Raise `DataError` if the decoded data have no room, even with a byte a value."""
    images = sum(map(len, listing.splits.values()))
    layers = len(options.bands) + ("masks" in source.labels)
    needed, free = images * layers * options.image_size**2, shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{counted(images, 'decoded image')} take at least {needed / 1e6:,.0f} MB, but "
            f"{free / 1e6:,.0f} MB are free in {folder.parent}: free some, or name another folder "
            "with --cache DIR"
        )


def _arrays(file: Path) -> dict[str, Any]:
    try:
        return read_arrays(file)
    except ArchiveError as error:
        raise DataError(
            f"{file} is damaged ({error}): delete {file.parent}, and the data are decoded again"
        ) from None


def _write_cache(
    target: Path,
    source: Source,
    listing: Listing,
    root: Path,
    options: DecodeOptions,
    progress: Progress,
    *,
    skip_bad: bool,
) -> None:
    digest = _sha256(asdict(options), listing.classes)
    reader = Reader(source, listing.classes, options.ignore_index)
    splits: dict[str, Written] = {}
    for name, items in listing.splits.items():
        digest.update(name.encode())
        told = progress.over(f"decoding the images of {name}", items)
        decoded = decode(reader, told, options)
        splits[name] = write_split(decoded, target, name, source.labels, digest)
    problems = under(root, reader.problems)
    if problems and not skip_bad:
        raise _refusal(source, root, problems)
    if empty := [name for name, split in splits.items() if not split.items]:
        raise DataError(
            f"{source.title} under {root}: after skipping {_files(problems)} no image is left"
            f" in {' and '.join(empty)}"
        )
    progress.step("computing mean and deviation of the training images")
    description = _description(target, source, root, listing, options, splits)
    description["notes"] += reader.notes
    description |= {
        "fingerprint": digest.hexdigest(),
        "skipped": [(file.as_posix(), reason) for file, reason in problems],
        "files": {file.name: file.stat().st_size for file in target.iterdir()},
        "digests": {file.name: (_changed(file), _digest(file)) for file in target.iterdir()},
    }
    (target / DESCRIPTION).write_text(with_digest(json.dumps(description, indent=1)))


def _description(
    target: Path,
    source: Source,
    root: Path,
    listing: Listing,
    options: DecodeOptions,
    splits: dict[str, Written],
) -> dict[str, Any]:
    train = splits["train"]
    images = _images(target, "train", options, train)
    stretch, mean, std, constant = training_statistics(images, options.stretch, train.without_data)
    neutral = mean if stretch is None else stretch[0] + mean * (stretch[1] - stretch[0])
    for name, split in splits.items():
        _fill(target, name, options, split, neutral)
    ids = 1 + len(listing.classes) if "masks" in source.labels else 0
    each = sorted({len(held) for split in splits.values() for held in split.image_labels})
    multi_label = bool(each) and each != [1]
    if each and not multi_label and len(listing.classes) == 1:
        raise DataError(
            f"{source.title} under {root}: every image is {listing.classes[0]}, so that there is"
            " nothing to tell apart: add images of another class"
        )
    return {
        "format": FORMAT,
        "options": asdict(options),
        "classes": listing.classes,
        "dtype": train.dtype,
        "splits": {
            name: {
                "names": [item.name for item in split.items],
                "scenes": [item.scene for item in split.items],
                "files": [item.image.relative_to(root).as_posix() for item in split.items],
                "objects": split.objects,
                "positives": split.positives,
                "class_objects": np.bincount(
                    split.labels, minlength=1 + len(listing.classes)
                ).tolist()[1:],
                "pixels": split.pixels[:ids].tolist(),
                "areas": split.areas[:ids].tolist(),
                "class_images": _images_of_classes(split, len(listing.classes)),
            }
            for name, split in splits.items()
        },
        "multi_label": multi_label,
        "stretch": None if stretch is None else stretch.tolist(),
        "mean": mean.tolist(),
        "std": std.tolist(),
        "notes": [
            *_resolutions(options, splits),
            *(
                [f"multi-label: an image has {each[0]} to {each[-1]} of the classes"]
                if multi_label
                else []
            ),
            *(
                f"{counted(split.blank, 'image')} of {name} without any data, left out"
                for name, split in splits.items()
                if split.blank
            ),
            *(
                f"band {source.bands[band]} holds one value in all training images"
                for band in np.array(options.bands)[constant]
            ),
        ],
    }


def _images_of_classes(split: Written, classes: int) -> list[int]:
    """Images of class ids 1, 2, …; none if they have no labels as a whole."""
    if not split.image_labels:
        return []
    held = np.concatenate(split.image_labels)
    return np.bincount(held, minlength=1 + classes).tolist()[1:]


def _resolutions(options: DecodeOptions, splits: Mapping[str, Written]) -> Iterator[str]:
    """A note where a pixel shows more in one image than in another."""
    sides = [side for split in splits.values() for side in split.sides]
    if options.tiling is None and max(sides) > 1.01 * min(sides):
        yield (
            f"images of {min(sides)} to {max(sides)} px a side all become {options.image_size} px:"
            " a model sees objects of different scales; dataset.tile cuts scenes at one scale"
        )


def _images(
    folder: Path, split: str, options: DecodeOptions, written: Written
) -> NDArray[np.generic]:
    size = options.image_size
    shape = len(written.items), len(options.bands), size, size
    return np.memmap(folder / f"{split}.images", written.dtype, "r+", shape=shape)


def _fill(
    folder: Path,
    split: str,
    options: DecodeOptions,
    written: Written,
    neutral: NDArray[np.float64],
) -> None:
    """Give pixels without data the value [C] that is 0 once standardised."""
    if not written.without_data:
        return
    images = _images(folder, split, options, written)
    values = neutral if images.dtype.kind == "f" else np.rint(neutral)
    holes = Holes(**_arrays(folder / f"{split}.holes.npz"))
    for row in holes.rows:
        if (valid := holes.valid(row, options.image_size)) is not None:
            np.copyto(images[row], values.astype(images.dtype)[:, None, None], where=~valid)


def _describe(source: Source, folder: Path, listing: Listing, root: Path) -> Prepared:
    content = _read_description(folder)
    options, splits = content["options"], content["splits"]
    bands = list(options["bands"])
    rgb = [bands.index(i) for i in source.rgb or () if i in bands]
    return Prepared(
        folder=folder,
        fingerprint=content["fingerprint"],
        bands=tuple(source.bands[i] for i in bands),
        rgb=(rgb[0], rgb[1], rgb[2]) if len(rgb) == 3 else None,
        classes=tuple(content["classes"]),
        colours=NO_COLOURS,
        labels=source.labels,
        image_size=options["image_size"],
        counts={name: len(split["names"]) for name, split in splits.items()},
        scenes={name: len(set(split["scenes"])) for name, split in splits.items()},
        objects={name: split["objects"] for name, split in splits.items()},
        positives={name: split["positives"] for name, split in splits.items()},
        class_objects={name: tuple(split["class_objects"]) for name, split in splits.items()},
        class_pixels={name: tuple(split["pixels"]) for name, split in splits.items()},
        class_areas={name: tuple(split["areas"]) for name, split in splits.items()},
        skipped=(
            *under(root, listing.problems),
            *(Problem(Path(file), reason) for file, reason in content["skipped"]),
        ),
        notes=listing.notes + tuple(content["notes"]),
        class_images={name: tuple(split["class_images"]) for name, split in splits.items()},
        multi_label=content["multi_label"],
        meanings=tuple(band(name, source.sensor) for name in source.bands)
        if isinstance(source, KnowsSensor)
        else (),
    )


def _read_description(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(without_digest((folder / DESCRIPTION).read_bytes()))
    return content


def _is_intact(folder: Path, progress: Progress) -> bool:
    """Whether the cache is whole, and the files that were changed or copied are as written.

    Of a file whose modification time is the one on record, no byte is read: the decoded data may be
    larger than memory. Caches of earlier versions have no digests.
    """
    if not _is_whole(folder):
        return False
    digests: dict[str, tuple[int, str]] = _read_description(folder).get("digests", {})
    touched = [name for name, (time, _) in digests.items() if _changed(folder / name) != time]
    if not touched:
        return True
    told = progress.over("comparing the decoded data with their digests", touched)
    return all(_digest(folder / name) == digests[name][1] for name in told)


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _is_whole(folder: Path) -> bool:
    """Whether every file is there at the size it was written with."""
    try:
        content = _read_description(folder)
    except (FileNotFoundError, ValueError, RecursionError, DamagedError):
        return False
    if content.get("format") != FORMAT:
        return False
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in content["files"].items()
    )


def _stats(listing: Listing, root: Path) -> list[object]:
    """What tells cheaply that a file has changed: relative name, size, modification time."""

    @functools.cache  # tiles share their scene's files
    def stat(file: Path | None) -> tuple[object, ...]:
        if file is None or not file.exists():  # a dangling link; reading it says so
            return (None,)
        status = file.stat()
        return file.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns

    return [
        (split, item.name, item.scene, item.window, *stat(item.image), *stat(item.label))
        for split, items in listing.splits.items()
        for item in items
    ]


def _sha256(*parts: object) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(parts).encode())


def _refusal(source: Source, root: Path, problems: Sequence[Problem]) -> DataError:
    """Each file with its first fault: a damaged scene has one in every tile."""
    reasons: dict[Path, list[str]] = {}
    for file, reason in problems:
        reasons.setdefault(file, []).append(reason)
    lines = "".join(
        f"\n  {file}: {found[0]}{f' (and {len(found) - 1} more)' if len(found) > 1 else ''}"
        for file, found in reasons.items()
    )
    return DataError(
        f"{source.title} under {root}: {_files(problems)} cannot be used; mend or remove them,"
        f" or leave them out with dataset.skip_bad: true{lines}",
        problems,
    )


def _files(problems: Sequence[Problem]) -> str:
    return counted(len({file for file, _ in problems}), "file")
