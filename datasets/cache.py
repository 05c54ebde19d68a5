"""Data decoded once, resized, and laid out for memory mapping.

A cache folder holds, for each split, `{split}.images` [N, C, S, S] in the type that the data have
and `{split}.masks.u8` [N, S, S] as raw arrays, `{split}.objects.npz` (boxes, labels, offsets,
sizes), `{split}.footprints.npz` and `{split}.places.npz`, and one `cache.json` that describes them
all. Of data without masks, footprints or places on Earth, those files are not there. A cache is
found by the names, sizes and modification times of the files it was made from, so that finding it
again costs a stat of each; the fingerprint in it is of the *content*, and the same for a copy
elsewhere.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from datasets.decoding import DecodeOptions, Written, decode, write_split
from datasets.places import Places
from datasets.reading import Reader
from datasets.selection import only_with_objects
from datasets.source import IGNORE, DataError, Label, Listing, Place, Problem, Source, Tiling
from datasets.splits import complete_splits
from datasets.statistics import training_statistics
from datasets.tiling import check_tiling
from runs.folders import build_once
from runs.progress import UNSEEN, Progress

FORMAT = 4  # raise when what a cache folder holds changes
DESCRIPTION = "cache.json"


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
        labels: what the data bring beside the images.
        image_size: height and width in pixels.
        counts: images in each split.
        objects: boxes in each split.
        positives: images with at least one box, in each split.
        class_pixels: pixels of class ids 0, 1, 2, … in each split at `image_size`, ignored ones not
            counted; () if the data have no masks.
        class_areas: of each class id, all counted pixels of the images of a split that hold it.
        skipped: files left out because they cannot be used, relative to the data's root.
        notes: what a reader of the results should know.
    """

    folder: Path
    fingerprint: str
    bands: tuple[str, ...]
    rgb: tuple[int, int, int] | None
    classes: tuple[str, ...]
    labels: frozenset[Label]
    image_size: int
    counts: dict[str, int]
    objects: dict[str, int]
    positives: dict[str, int]
    class_pixels: dict[str, tuple[int, ...]]
    class_areas: dict[str, tuple[int, ...]]
    skipped: tuple[Problem, ...]
    notes: tuple[str, ...]

    def without(self, label: Label) -> list[str]:
        """Splits in which there is nothing to find: no object; of masks, no pixel of a class."""
        if label == "masks":
            return [split for split, pixels in self.class_pixels.items() if not sum(pixels[1:])]
        return [split for split, positives in self.positives.items() if not positives]


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
        sizes: int64 [N, 2], height and width in pixels of the file, before resizing.
        outlines: the footprints; None if the data have none.
        names: N names.
        classes: names of class ids 1, 2, ….
        stretch: float32 [2, C], the stored values that become 0 and 1; None without a stretch.
        mean, std: float32 [C], of the training split's pixels after the stretch, whichever split
            this is.
        places: where on Earth the images lie; None if that is known of none.
    """

    images: NDArray[np.generic]
    masks: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    outlines: Outlines | None
    names: tuple[str, ...]
    classes: tuple[str, ...]
    stretch: NDArray[np.float32] | None
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    places: Places | None = None

    def __len__(self) -> int:
        return len(self.names)

    def first_with(self, label: Label, count: int) -> NDArray[np.int64]:
        """Indices of the first `count` images with an object; of masks, with a pixel of a class."""
        if label == "boxes":
            return np.flatnonzero(np.diff(self.offsets))[:count]
        marked = (
            row for row, mask in enumerate(self.masks) if ((mask > 0) & (mask < IGNORE)).any()
        )
        return np.fromiter(itertools.islice(marked, count), dtype=np.int64)

    def objects(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Boxes [M, 4] and labels [M] of one image."""
        rows = slice(self.offsets[index], self.offsets[index + 1])
        return self.boxes[rows], self.labels[rows]

    def footprints(self, index: int) -> list[Polygon]:
        """Outlines of one image's objects, in pixels of the file; none if the data have none."""
        if self.outlines is None:
            return []
        wkb, starts, offsets = self.outlines
        ends = starts[offsets[index] : offsets[index + 1] + 1]
        parts = [wkb[start:end].tobytes() for start, end in itertools.pairwise(ends)]
        return list(shapely.from_wkb(parts))

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
    split_fractions: tuple[float, float],
    split_seed: int,
    skip_bad: bool,
    cache: Path,
    remake_split: bool = False,
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
        split_fractions: shares of the training scenes that become val and test if the data bring
            no such split with labels.
        skip_bad: leave unusable files out, and say so in `skipped`, instead of refusing them.
        cache: folder of all caches.
        remake_split: make val and test out of the training scenes even where the data bring them.
        with_objects_only: leave out images without an object, before the split is made.
        progress: is told what is being done.

    Raises:
        DataError: if the data are not there, a split would be empty, an option makes no sense, or a
            file cannot be read, has the wrong shape or another type than the others, holds NaN or
            infinity, lacks its labels or has some that are no class ids; every such file is named.
    """
    if tiling is not None:
        check_tiling(tiling)
    _check_values(ignore_index, stretch)
    progress.step(f"listing the files of {source.title}")
    listing = source.find(root, tiling)
    if "masks" in source.labels and len(listing.classes) >= IGNORE:
        raise DataError(
            f"{source.title} under {root} has {len(listing.classes)} classes; a mask can tell"
            f" {IGNORE - 1} apart"
        )
    options = DecodeOptions(
        bands,
        image_size,
        float(min_area),
        tiling,
        ignore_index,
        None if stretch is None else (float(stretch[0]), float(stretch[1])),
    )
    if remake_split:
        listing = replace(listing, splits={"train": listing.splits["train"]})
    if with_objects_only:
        parts = _key_parts(source, listing, options, root)
        listing = only_with_objects(source, listing, options, parts, cache, progress)
    listing = complete_splits(listing, split_fractions, split_seed)
    key = _sha256(*_key_parts(source, listing, options, root)).hexdigest()
    folder = cache / "data" / f"{source.name}-{key[:16]}"

    def build(target: Path) -> None:
        _write_cache(target, source, listing, root, options, progress, skip_bad=skip_bad)

    build_once(folder, _is_whole, build)
    prepared = _describe(source, folder, listing.notes)
    if prepared.skipped and not skip_bad:  # an earlier call with skip_bad made this cache
        raise _refusal(source, root, prepared.skipped)
    return prepared


def open_split(prepared: Prepared | Path, name: str) -> Split:
    """Map one split of a cache into memory. DataError if the cache is not there or not whole."""
    folder = prepared.folder if isinstance(prepared, Prepared) else prepared
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
        classes=tuple(content["classes"]),
        stretch=None if content["stretch"] is None else np.array(content["stretch"], np.float32),
        mean=np.array(content["mean"], dtype=np.float32),
        std=np.array(content["std"], dtype=np.float32),
        places=places,
    )


def _key_parts(
    source: Source, listing: Listing, options: DecodeOptions, root: Path
) -> tuple[object, ...]:
    """What tells one cache from another."""
    return FORMAT, source.name, asdict(options), listing.classes, _stats(listing, root)


def _check_values(ignore_index: int, stretch: tuple[float, float] | None) -> None:
    if not 0 <= ignore_index <= IGNORE:
        raise DataError(f"ignore_index: {ignore_index} is no mask value; they run from 0 to 255")
    if stretch is not None and not 0 <= stretch[0] < stretch[1] <= 100:
        raise DataError(
            f"stretch: {stretch} must be two percentiles between 0 and 100, the lower one first"
        )


def _arrays(file: Path) -> dict[str, Any]:
    with np.load(file) as stored:
        return dict(stored)


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
        decoded = decode(reader, told, options, digest)
        splits[name] = write_split(decoded, target, name, source.labels)
    problems = [Problem(file.relative_to(root), reason) for file, reason in reader.problems]
    if problems and not skip_bad:
        raise _refusal(source, root, problems)
    if empty := [name for name, split in splits.items() if not split.names]:
        raise DataError(
            f"{source.title} under {root}: after skipping {_files(problems)} no image is left"
            f" in {' and '.join(empty)}"
        )
    progress.step("computing mean and deviation of the training images")
    description = _description(target, source, listing, options, splits)
    description |= {
        "fingerprint": digest.hexdigest(),
        "skipped": [(file.as_posix(), reason) for file, reason in problems],
        "files": {file.name: file.stat().st_size for file in target.iterdir()},
    }
    (target / DESCRIPTION).write_text(json.dumps(description, indent=1))


def _description(
    target: Path,
    source: Source,
    listing: Listing,
    options: DecodeOptions,
    splits: dict[str, Written],
) -> dict[str, Any]:
    train = splits["train"]
    shape = len(train.names), len(options.bands), options.image_size, options.image_size
    images = np.memmap(target / "train.images", train.dtype, "r", shape=shape)
    stretch, mean, std, constant = training_statistics(images, options.stretch)
    ids = 1 + len(listing.classes) if "masks" in source.labels else 0
    return {
        "format": FORMAT,
        "options": asdict(options),
        "classes": listing.classes,
        "dtype": train.dtype,
        "splits": {
            name: {
                "names": split.names,
                "objects": split.objects,
                "positives": split.positives,
                "pixels": split.pixels[:ids].tolist(),
                "areas": split.areas[:ids].tolist(),
            }
            for name, split in splits.items()
        },
        "stretch": None if stretch is None else stretch.tolist(),
        "mean": mean.tolist(),
        "std": std.tolist(),
        "notes": [
            f"band {source.bands[band]} holds one value in all training images"
            for band in np.array(options.bands)[constant]
        ],
    }


def _describe(source: Source, folder: Path, notes: tuple[str, ...]) -> Prepared:
    content = _read_description(folder)
    options, splits = content["options"], content["splits"]
    bands = list(options["bands"])
    rgb = [bands.index(i) for i in source.rgb if i in bands]
    return Prepared(
        folder=folder,
        fingerprint=content["fingerprint"],
        bands=tuple(source.bands[i] for i in bands),
        rgb=(rgb[0], rgb[1], rgb[2]) if len(rgb) == 3 else None,
        classes=tuple(content["classes"]),
        labels=source.labels,
        image_size=options["image_size"],
        counts={name: len(split["names"]) for name, split in splits.items()},
        objects={name: split["objects"] for name, split in splits.items()},
        positives={name: split["positives"] for name, split in splits.items()},
        class_pixels={name: tuple(split["pixels"]) for name, split in splits.items()},
        class_areas={name: tuple(split["areas"]) for name, split in splits.items()},
        skipped=tuple(Problem(Path(file), reason) for file, reason in content["skipped"]),
        notes=notes + tuple(content["notes"]),
    )


def _read_description(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text())
    return content


def _is_whole(folder: Path) -> bool:
    """Whether every file is there at the size it was written with."""
    try:
        content = _read_description(folder)
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return content.get("format") == FORMAT and all(
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
        (split, item.name, item.window, *stat(item.image), *stat(item.label))
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
        f" or skip bad files.{lines}",
        problems,
    )


def _files(problems: Sequence[Problem]) -> str:
    count = len({file for file, _ in problems})
    return f"{count} file{'s' if count > 1 else ''}"
