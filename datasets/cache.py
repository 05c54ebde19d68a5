"""Data decoded once, resized, and laid out for memory mapping.

A cache folder holds, for each split, `{split}.images.f32` [N, C, S, S] and `{split}.masks.u8`
[N, S, S] as raw arrays, `{split}.objects.npz` (boxes, labels, offsets), and one `cache.json` that
describes them all. It is found by the names, sizes and modification times of the files it was made
from, so that finding it again costs a stat of each; what the *content* was is told by the
fingerprint in it, which is the same for a copy elsewhere.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.decoding import DecodeOptions, Written, decode, moments, write_split
from datasets.source import DataError, Listing, Problem, Source
from datasets.splits import complete_splits
from datasets.whole_folder import build_once

FORMAT = 1  # raise when what a cache folder holds changes
DESCRIPTION = "cache.json"


@dataclass(frozen=True)
class Prepared:
    """A cache, described: what a plan prints and what is sent to the trials.

    Attributes:
        folder: where the cache lies.
        fingerprint: SHA-256 of the pixels and masks used, their splits and the options that shape
            them; the same wherever the data lie.
        bands: names of the chosen bands, in order.
        rgb: positions of red, green and blue in `bands`; None unless all three are chosen.
        classes: names of class ids 1, 2, ….
        image_size: height and width in pixels.
        counts: images in each split.
        objects: boxes in each split.
        positives: images with at least one box, in each split.
        skipped: files left out because they cannot be used, relative to the data's root.
        notes: what a reader of the results should know.
    """

    folder: Path
    fingerprint: str
    bands: tuple[str, ...]
    rgb: tuple[int, int, int] | None
    classes: tuple[str, ...]
    image_size: int
    counts: dict[str, int]
    objects: dict[str, int]
    positives: dict[str, int]
    skipped: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Split:
    """One split, memory-mapped; open it in the process that uses it.

    Attributes:
        images: float32 [N, C, S, S], as stored in the data, not standardised.
        masks: uint8 [N, S, S], class ids.
        boxes: float32 [T, 4], x0 y0 x1 y1 in pixel edges, of all images one after another.
        labels: int64 [T], class ids from 1.
        offsets: int64 [N + 1]; image i has the boxes from offsets[i] to offsets[i + 1].
        names: N names.
        mean, std: float32 [C], of the training split's pixels, whichever split this is.
    """

    images: NDArray[np.float32]
    masks: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    names: tuple[str, ...]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def with_objects(self) -> NDArray[np.int64]:
        """Indices of the images that hold at least one object."""
        return np.flatnonzero(np.diff(self.offsets))

    def objects(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Boxes [M, 4] and labels [M] of one image."""
        rows = slice(self.offsets[index], self.offsets[index + 1])
        return self.boxes[rows], self.labels[rows]


def prepare(
    source: Source,
    root: Path,
    *,
    bands: tuple[int, ...],
    image_size: int,
    min_area: float,
    split_fractions: tuple[float, float],
    split_seed: int,
    skip_bad: bool,
    cache: Path,
) -> Prepared:
    """Find the data, check every file, and have them in the cache.

    Args:
        bands: indices into `source.bands`, see `resolve_bands`.
        image_size: side in pixels that images (bilinear) and masks (nearest) are resized to.
        min_area: smallest object in pixels at `image_size`.
        split_fractions: shares of the training images that become val and test if the data bring
            no such split with labels.
        skip_bad: leave unusable files out, and say so in `skipped`, instead of refusing them.
        cache: folder of all caches.

    Raises:
        DataError: if the data are not there, a split would be empty, or a file cannot be read, has
            the wrong shape, holds NaN or infinity, lacks its mask or has a mask with values that
            are no class ids; every such file is named.
    """
    listing = complete_splits(source.find(root), split_fractions, split_seed)
    options = DecodeOptions(bands, image_size, float(min_area))
    key = _sha256(FORMAT, source.name, asdict(options), _stats(listing, root)).hexdigest()
    folder = cache / "data" / f"{source.name}-{key[:16]}"

    def build(target: Path) -> None:
        _write_cache(target, source, listing, root, options, skip_bad=skip_bad)

    build_once(folder, _is_whole, build)
    prepared = _describe(source, folder, listing.notes)
    if prepared.skipped and not skip_bad:  # an earlier call with skip_bad made this cache
        raise _refusal(source, root, prepared.skipped)
    return prepared


def open_split(prepared: Prepared | Path, name: str) -> Split:
    """Map one split of a cache into memory. DataError if the cache is not there or not whole."""
    folder = prepared.folder if isinstance(prepared, Prepared) else prepared
    if not _is_whole(folder):
        raise DataError(f"{folder} is not a whole cache: prepare the data again.")
    content = _read_description(folder)
    names = content["splits"][name]["names"]
    channels, size = len(content["options"]["bands"]), content["options"]["image_size"]
    with np.load(folder / f"{name}.objects.npz") as objects:
        boxes, labels, offsets = objects["boxes"], objects["labels"], objects["offsets"]
    return Split(
        images=np.memmap(
            folder / f"{name}.images.f32", np.float32, "r", shape=(len(names), channels, size, size)
        ),
        masks=np.memmap(folder / f"{name}.masks.u8", np.uint8, "r", shape=(len(names), size, size)),
        boxes=boxes,
        labels=labels,
        offsets=offsets,
        names=tuple(names),
        mean=np.array(content["mean"], dtype=np.float32),
        std=np.array(content["std"], dtype=np.float32),
    )


def _write_cache(
    target: Path,
    source: Source,
    listing: Listing,
    root: Path,
    options: DecodeOptions,
    *,
    skip_bad: bool,
) -> None:
    digest = _sha256(asdict(options))
    problems: list[Problem] = []
    splits: dict[str, Written] = {}
    for name, items in listing.splits.items():
        digest.update(name.encode())
        decoded = decode(source, items, options, digest, problems)
        splits[name] = write_split(decoded, target, name, len(options.bands))
    problems = [Problem(file.relative_to(root), reason) for file, reason in problems]
    if problems and not skip_bad:
        raise _refusal(source, root, problems)
    if empty := [name for name, split in splits.items() if not split.names]:
        raise DataError(
            f"{source.title} under {root}: after skipping {len(problems)} files no image is left"
            f" in {' and '.join(empty)}."
        )
    mean, std, constant = moments(splits["train"], options.image_size)
    description = {
        "format": FORMAT,
        "fingerprint": digest.hexdigest(),
        "options": asdict(options),
        "splits": {
            name: {"names": split.names, "objects": split.objects, "positives": split.positives}
            for name, split in splits.items()
        },
        "mean": mean.tolist(),
        "std": std.tolist(),
        "skipped": [(file.as_posix(), reason) for file, reason in problems],
        "notes": [
            f"band {source.bands[band]} holds one value in all training images"
            for band in np.array(options.bands)[constant]
        ],
        "files": {file.name: file.stat().st_size for file in target.iterdir()},
    }
    (target / DESCRIPTION).write_text(json.dumps(description, indent=1))


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
        classes=source.classes,
        image_size=options["image_size"],
        counts={name: len(split["names"]) for name, split in splits.items()},
        objects={name: split["objects"] for name, split in splits.items()},
        positives={name: split["positives"] for name, split in splits.items()},
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
    return content["format"] == FORMAT and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in content["files"].items()
    )


def _stats(listing: Listing, root: Path) -> list[object]:
    """What tells cheaply that a file has changed: relative name, size, modification time."""

    def stat(file: Path | None) -> tuple[object, ...]:
        if file is None or not file.exists():  # a dangling link; reading it says so
            return (None,)
        status = file.stat()
        return file.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns

    return [
        (split, item.name, *stat(item.image), *stat(item.mask))
        for split, items in listing.splits.items()
        for item in items
    ]


def _sha256(*parts: object) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(parts).encode())


def _refusal(source: Source, root: Path, problems: Sequence[Problem]) -> DataError:
    lines = "".join(f"\n  {file}: {reason}" for file, reason in problems)
    return DataError(
        f"{source.title} under {root}: {len(problems)} files cannot be used; mend or remove them,"
        f" or skip bad files.{lines}",
        problems,
    )
