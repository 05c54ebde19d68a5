"""LandCover.ai v1: buildings, woodland, water and roads in aerial images of Poland.

33 orthophotos at 25 cm (about 9000 × 9500 pixels) and 8 at 50 cm (about 4200 × 4700), red, green
and blue, 8 bit, EPSG:2180. The data set is used as tiles of 512 pixels, numbered row by row in
each orthophoto from 0; windows that would reach beyond the right or the lower border are not used,
but counted. Three lists name the tiles of the splits.

Two layouts are read, told apart by what is there:

    orthophotos     images/{stem}.tif, masks/{stem}.tif
    tiles           output/{stem}_{k}.jpg, output/{stem}_{k}_m.png, as cut by the official script

and in both {train,val,test}.txt, one {stem}_{k} a line. Masks hold 0 background, 1 building,
2 woodland, 3 water, 4 road; the official script writes them three times, as red, green and blue.

Paper: Boguszewski et al., "LandCover.ai: Dataset for Automatic Mapping of Buildings, Woodlands,
Water and Roads from Aerial Imagery", CVPR Workshops 2021, doi:10.1109/CVPRW53098.2021.00121.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.box_scenes import listed
from datasets.rasters import (
    MISPLACED,
    RasterInfo,
    displacement,
    raster_info,
    read_image,
    read_raster,
)
from datasets.samples import landcoverai as synthetic
from datasets.scenes import collected, refusal, unusable
from datasets.source import (
    SPLITS,
    DataError,
    Item,
    Label,
    Labelled,
    Listing,
    Problem,
    Tiling,
    Window,
    natural_key,
)
from runs.errors import counted

TILE = 512
LISTS = ", ".join(f"{split}.txt" for split in SPLITS)


class LandCoverAI:
    """The data set as a `Source`. See the module for its format."""

    name = "landcoverai"
    title = "LandCover.ai"
    bands: tuple[str, ...] = ("red", "green", "blue")
    rgb = (0, 1, 2)
    labels: frozenset[Label] = frozenset({"masks"})
    tiled = False
    classes: tuple[str, ...] = ("building", "woodland", "water", "road")

    def find(self, root: Path, tiling: Tiling | None) -> Listing:  # noqa: ARG002
        """The tiles that the lists name; without lists, all of them, to be split by orthophoto."""
        tree = _look(root)
        lists = {split: root / f"{split}.txt" for split in SPLITS}
        missing = [file.name for file in lists.values() if not file.is_file()]
        if len(missing) == len(SPLITS):
            everything = _in_order([*tree.tiles.values(), *tree.damaged.values()])
            if not everything:
                raise DataError(
                    f"{root} holds no tile of {TILE} × {TILE} pixels with a mask"
                    + "".join(f"; {note}" for note in tree.notes)
                )
            note = f"{LISTS} are missing: the splits are made here, by orthophoto"
            return Listing(tree.layout, self.classes, {"train": everything}, (*tree.notes, note))
        if "train.txt" in missing:
            raise DataError(f"{lists['train']} is missing, though another list is beside it")
        splits, problems = _listed(lists, tree)
        notes = [*tree.notes, *(f"{name} is missing" for name in missing), *_shared(splits)]
        return Listing(tree.layout, self.classes, splits, tuple(notes), problems)

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Image uint8 [3, 512, 512] and mask uint8 [512, 512], as stored."""
        if item.label is None:
            raise unusable(item.image, "has no mask")
        problems: list[Problem] = []
        headers: list[RasterInfo] = []
        for file in (item.image, item.label):
            with collected(problems):
                headers.append(raster_info(file))
        if not problems:
            problems += _faults(item.image, item.label, *headers, whole=item.window is None)
        if problems:
            raise refusal(problems)
        with collected(problems):
            image, valid = read_image(item.image, self.bands, self.title, item.window)
        with collected(problems):
            mask = read_raster(item.label, item.window).astype(np.uint8, copy=False)
        if problems:
            raise refusal(problems)
        if (mask != mask[0]).any():
            raise unusable(item.label, "has bands that differ, and so tells no class ids")
        place = headers[0].place
        within = place and place.within(item.window)
        return Labelled(image, mask[0], place=within, valid=valid, remark=headers[0].remark)

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic orthophotos and lists."""
        synthetic.write(root, seed)


def full_windows(height: int, width: int) -> Iterator[tuple[int, Window]]:
    """Official number and window of each whole tile of an orthophoto."""
    columns = -(-width // TILE)
    for row in range(height // TILE):
        for column in range(width // TILE):
            yield row * columns + column, Window(column * TILE, row * TILE, TILE, TILE)


class _Tree(NamedTuple):
    """What lies under a root.

    Attributes:
        tiles: all whole tiles that have a mask, by name.
        damaged: orthophotos whose size cannot be read, by stem. As items of a list, or whole, they
            fail when they are read, and there they can be skipped.
        small: height and width of orthophotos that hold no whole tile, by stem.
    """

    layout: str
    tiles: dict[str, Item]
    damaged: dict[str, Item]
    small: dict[str, tuple[int, int]]
    notes: list[str]

    def tile(self, name: str) -> Item | None:
        """The tile that a list calls so."""
        stem, _, number = name.rpartition("_")
        if stem in self.damaged and number.isdecimal():
            return replace(self.damaged[stem], name=name)
        return self.tiles.get(name)


def _look(root: Path) -> _Tree:
    if images := _by_stem(root / "images", ".tif"):
        masks = _by_stem(root / "masks", ".tif")
        notes = _unpaired(images, masks, "orthophotos")
        if (root / "output").is_dir():
            notes.append("the tiles in output are not read: the orthophotos they are cut from are")
        tiles, damaged, small = _windows(images, masks)
        return _Tree("orthophotos", tiles, damaged, small, notes + _too_small(small))
    if images := _by_stem(root / "output", ".jpg"):
        masks = _by_stem(root / "output", "_m.png")
        tiles = {
            name: Item(name, image, masks[name], scene=name.rpartition("_")[0])
            for name, image in images.items()
            if name in masks
        }
        return _Tree("tiles", tiles, {}, {}, _unpaired(images, masks, "tiles"))
    fault = "has neither of its layouts" if root.is_dir() else "is not a folder"
    raise DataError(
        f"No LandCover.ai data: {root} {fault}; looked for images/*.tif with masks/*.tif"
        f" (orthophotos) or output/*.jpg with output/*_m.png (tiles), with {LISTS}"
    )


def _by_stem(folder: Path, ending: str) -> dict[str, Path]:
    """Files of the folder whose names end so, by what comes before it."""
    files = folder.iterdir() if folder.is_dir() else ()
    return {file.name.removesuffix(ending): file for file in files if file.name.endswith(ending)}


def _unpaired(images: dict[str, Path], masks: dict[str, Path], what: str) -> list[str]:
    bare, orphans = len(images.keys() - masks.keys()), len(masks.keys() - images.keys())
    notes = [f"{what} without a mask, unused: {bare}"] if bare else []
    return notes + ([f"masks without an image, unused: {orphans}"] if orphans else [])


def _too_small(small: dict[str, tuple[int, int]]) -> list[str]:
    """A note if orthophotos hold no tile."""
    if not small:
        return []
    named = listed(f"{stem} ({h} × {w})" for stem, (h, w) in small.items())
    return [
        f"unused, as smaller than a tile of {TILE} × {TILE} px: {named}; the data set `raster` cuts"
        " scenes of any size"
    ]


def _windows(
    images: dict[str, Path], masks: dict[str, Path]
) -> tuple[dict[str, Item], dict[str, Item], dict[str, tuple[int, int]]]:
    """Of all orthophotos that have a mask: whole tiles, the damaged ones, the small ones.

    Reads headers.
    """
    tiles: dict[str, Item] = {}
    damaged: dict[str, Item] = {}
    small: dict[str, tuple[int, int]] = {}
    for stem in sorted(images.keys() & masks.keys(), key=natural_key):
        whole = Item(stem, images[stem], masks[stem], scene=stem)
        try:
            info = raster_info(images[stem])
        except DataError:
            damaged[stem] = whole
            continue
        if min(info.height, info.width) < TILE:
            small[stem] = info.height, info.width
        for number, window in full_windows(info.height, info.width):
            name = f"{stem}_{number}"
            tiles[name] = replace(whole, name=name, window=window)
    return tiles, damaged, small


def _in_order(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: natural_key(item.name)))


def _listed(
    lists: dict[str, Path], tree: _Tree
) -> tuple[dict[str, tuple[Item, ...]], tuple[Problem, ...]]:
    """The items of each list that is there, and those that it names but are not.

    Raises:
        DataError: a tile is named twice.
    """
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    splits: dict[str, tuple[Item, ...]] = {}
    for split, file in lists.items():
        if not file.is_file():
            continue
        items: list[Item] = []
        for name, line in _names(file):
            if name in seen:
                raise DataError(
                    f"{file}, line {line}: tile {name!r} is named already in {seen[name]}"
                )
            seen[name] = f"{file}, line {line}"
            if (item := tree.tile(name)) is not None:
                items.append(item)
            else:
                reason = f"names in line {line} {name!r}, which is no tile: {_why(name, tree)}"
                problems.append(Problem(file, reason))
        splits[split] = _in_order(items)
    return splits, tuple(problems)


def _names(file: Path) -> list[tuple[str, int]]:
    """The tiles that a list names, each with the number of its line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as a list of tiles: {error}") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    names = [(name, number) for number, name in lines if name]
    if not names:
        raise DataError(f"{file} names no tile: fill it, or remove all of {LISTS}")
    return names


def _why(name: str, tree: _Tree) -> str:
    """Why no tile has this name, as a clause."""
    hit = re.fullmatch(r"(.+)_(0|[1-9]\d*)", name)
    if hit is None:
        return "a line must be the name of an orthophoto, an underscore and a number"
    if size := tree.small.get(hit[1]):
        height, width = size
        return f"{hit[1]} is {height} × {width} px, smaller than a tile of {TILE} × {TILE}"
    siblings = [item for item in tree.tiles.values() if item.scene == hit[1]]
    if not siblings:
        return f"there is no {hit[1]} with image and mask"
    if tree.layout == "tiles":
        return f"{siblings[0].image.parent} lacks {name}.jpg or {name}_m.png"
    last = max(int(item.name.rpartition("_")[2]) for item in siblings)
    if int(hit[2]) > last:
        return f"the last whole tile of {siblings[0].image} is number {last}"
    return f"window {hit[2]} of {siblings[0].image} would reach beyond its border"


def _shared(splits: dict[str, tuple[Item, ...]]) -> list[str]:
    """A note if the lists put tiles of one orthophoto into different splits."""
    scenes = [{item.scene for item in items} for items in splits.values()]
    union = set[str]().union(*scenes)
    shared = sum(sum(scene in group for group in scenes) > 1 for scene in union)
    if not shared:
        return []
    return [
        f"orthophotos with tiles in more than one split: {shared} of {len(union)}; the lists divide"
        " the data by tile, so that scores are those of places next to the training tiles"
    ]


def _faults(
    image_file: Path, mask_file: Path, image: RasterInfo, mask: RasterInfo, *, whole: bool
) -> Iterator[Problem]:
    """What keeps image and mask from being an item; `whole` if they must be tiles themselves."""
    if image.dtype != "uint8":
        yield Problem(image_file, f"holds {image.dtype}, not uint8")
    if mask.count not in (1, 3) or mask.dtype != "uint8":
        yield Problem(
            mask_file, f"has {counted(mask.count, 'band')} of {mask.dtype}, not one of uint8"
        )
    size, other = (f"{info.height} × {info.width} pixels" for info in (image, mask))
    if size != other:
        yield Problem(mask_file, f"has {other}, but its image {image_file.name} has {size}")
    elif whole and (image.height, image.width) != (TILE, TILE):
        yield Problem(image_file, f"has {size}, not {TILE} × {TILE} as every tile")
    if image.crs != mask.crs:
        yield Problem(
            mask_file, f"is in {_code(mask)}, but its image {image_file.name} in {_code(image)}"
        )
    elif size == other and (off := displacement(image, mask)) > MISPLACED:
        yield Problem(mask_file, f"lies {off:.3g} pixels from its image {image_file.name}")


def _code(info: RasterInfo) -> str:
    return info.crs.to_string() if info.crs else "no coordinate reference system"
