"""xBD, the data of the xView2 challenge: buildings before and after disasters.

Scenes of 1024 × 1024 pixels, red, green, blue, 8 bit, at up to 0.3 m (Maxar), of 19 disasters;
outlines of 850,736 buildings. Here the *pre-disaster* images and outlines only, and one class.

    {train,tier3,hold,test}/images/{disaster}_{8 digits}_{pre,post}_disaster.png
    {train,tier3,hold,test}/labels/{disaster}_{8 digits}_{pre,post}_disaster.json
    {train,tier3,hold,test}/targets/…                              (not read)

The parts are the release's own: `train` (2,799 pairs) and `tier3`, the additional training data,
are used for training, `hold` (933) for validation, `test` (933) for test. A part that is not
there, or has no labels, is left out.

JSON: `features.xy` lists buildings, each with `wkt`, an outline in pixels (x right, y down), and
`properties.uid`; `metadata` has the image's `width` and `height`. `features.lng_lat` has the same
buildings in longitude and latitude: as the images are not georeferenced, their place on Earth is
the affine map from the one list to the other.

A pixel is building if its centre lies in an outline. The release's own targets are drawn from
outlines rounded to whole pixels and include their border, hence are a little larger.

Paper: Gupta et al., "xBD: A Dataset for Assessing Building Damage from Satellite Imagery", 2019,
arXiv:1911.09296.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely import Polygon

from datasets.places import fitted
from datasets.rasters import read_image
from datasets.samples import xbd as synthetic
from datasets.scenes import collected, cut_scene, refusal, unusable
from datasets.source import (
    DataError,
    Item,
    Label,
    Labelled,
    Listing,
    Place,
    Problem,
    Tiling,
    Window,
    natural_key,
)
from datasets.vectors import Outline, burn, parse_json, polygons_of, read_bytes
from runs.errors import counted

PARTS = {"train": ("train", "tier3"), "val": ("hold",), "test": ("test",)}
SCENE = r"(.+_\d{8})_pre_disaster"
LONGITUDE_LATITUDE = CRS.from_epsg(4326).to_wkt()


class XBD:
    """The data set as a `Source`. See the module for its format."""

    name = "xbd"
    title = "xBD"
    bands: tuple[str, ...] = ("red", "green", "blue")
    rgb = (0, 1, 2)
    labels: frozenset[Label] = frozenset({"masks", "footprints"})
    tiled = True

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """Pre-disaster scenes by split; a part that has no labels is left out, and noted."""
        splits: dict[str, tuple[Item, ...]] = {}
        notes: list[str] = []
        for split, parts in PARTS.items():
            scenes = [item for part in parts for item in _scenes(root, part, notes)]
            if scenes:
                splits[split] = tuple(tile for item in scenes for tile in cut_scene(item, tiling))
        if "train" not in splits:
            raise DataError(
                f"No xBD data: {root} has no labelled scene to train on; looked for"
                f" {'|'.join(PARTS['train'])}/images/DISASTER_NNNNNNNN_pre_disaster.png with"
                " labels/DISASTER_NNNNNNNN_pre_disaster.json beside images"
            )
        _refuse_shared_scenes(root, splits)
        return Listing("xView2", ("building",), splits, tuple(notes))

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Image uint8 [3, H, W], mask of buildings, and the outline of each."""
        scene = _read_scene(item.image, item.label, (_stamp(item.image), _stamp(item.label)))
        height, width = scene.image.shape[1:]
        x, y, width, height = window = item.window or Window(0, 0, width, height)
        mask, footprints = burn(scene.buildings, window)
        tile = scene.image[:, y : y + height, x : x + width].copy()
        valid = scene.valid if scene.valid is None else scene.valid[y : y + height, x : x + width]
        place = scene.place and scene.place.within(item.window)
        return Labelled(tile, mask, footprints=footprints, place=place, valid=valid)

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic scenes as a `train` part."""
        synthetic.write(root, seed)


def _scenes(root: Path, part: str, notes: list[str]) -> list[Item]:
    """Whole scenes of one part in natural order; adds to `notes` what is not used."""
    images = _by_scene(root / part / "images", "png")
    labels = _by_scene(root / part / "labels", "json")
    if images and not labels:
        notes.append(f"in {part}/images, {counted(len(images), 'image')} without labels, unused")
        return []
    if orphans := len(labels.keys() - images.keys()):
        notes.append(f"in {part}/labels, {counted(orphans, 'file')} without an image, unused")
    return [Item(f"{part}/{scene}", images[scene], labels.get(scene), scene) for scene in images]


def _by_scene(folder: Path, suffix: str) -> dict[str, Path]:
    """Pre-disaster files of a folder by scene, in natural order; none if there is no folder."""
    pattern = re.compile(rf"{SCENE}\.{suffix}")
    files = folder.iterdir() if folder.is_dir() else ()
    found = {hit[1]: file for file in files if (hit := pattern.fullmatch(file.name))}
    return {scene: found[scene] for scene in sorted(found, key=natural_key)}


def _refuse_shared_scenes(root: Path, splits: dict[str, tuple[Item, ...]]) -> None:
    first: dict[str, str] = {}
    for split, items in splits.items():
        for item in items:
            if first.setdefault(item.scene, split) != split:
                raise DataError(
                    f"{root}: scene {item.scene} lies in both {first[item.scene]} and {split}:"
                    " remove one copy, or what is learnt is what is tested on"
                )


class _Scene(NamedTuple):
    """A whole scene: image [3, H, W], which pixels hold data, outlines in its pixels, its place."""

    image: NDArray[np.generic]
    valid: NDArray[np.bool_] | None
    buildings: tuple[Polygon, ...]
    place: Place | None


# A PNG is read from its first row whichever tile is wanted: a scene is read once for all its tiles.
@lru_cache(maxsize=8)
def _read_scene(image_file: Path, label: Path | None, stamps: object) -> _Scene:  # noqa: ARG001
    """The scene, from memory if it is the last one that was read and has the same `stamps`."""
    problems: list[Problem] = []
    image, valid, buildings, place = None, None, None, None
    with collected(problems):
        image, valid = read_image(image_file, XBD.bands, XBD.title)
    with collected(problems):
        if label is None:
            raise unusable(image_file, "has no labels: its JSON is missing")
        content = parse_json(label, read_bytes(label))
        buildings = _buildings(label, content)
        if image is not None:
            _check_size(label, content.get("metadata"), image.shape[1:])
            place = _place(content["features"], image.shape[1:])
    if problems or image is None or buildings is None:
        raise refusal(problems)
    return _Scene(image, valid, buildings, place)


def _stamp(file: Path | None) -> tuple[int, int] | None:
    """What is another when a file has changed."""
    if file is None or not file.exists():
        return None
    state = file.stat()
    return state.st_mtime_ns, state.st_size


def _buildings(file: Path, content: dict[str, Any]) -> tuple[Polygon, ...]:
    features = content.get("features")
    if features is None:
        raise unusable(file, "has no 'features'")
    listed = features.get("xy") if isinstance(features, dict) else None
    if not isinstance(listed, list):
        raise unusable(file, "has no list of buildings 'xy' in its 'features'")
    return polygons_of(file, [_outline(file, row, one) for row, one in enumerate(listed)])


def _check_size(file: Path, metadata: Any, size: tuple[int, ...]) -> None:
    """Refuse a label that says it belongs to an image of another height and width."""
    if not isinstance(metadata, dict):
        return
    declared = metadata.get("height", size[0]), metadata.get("width", size[1])
    if declared != size:
        sizes = [" × ".join(map(str, one)) for one in (declared, size)]
        raise unusable(file, f"is of an image of {sizes[0]}, but its image is {sizes[1]}")


def _outline(file: Path, row: int, building: Any) -> Outline:
    text = building.get("wkt") if isinstance(building, dict) else None
    if not isinstance(text, str):
        raise unusable(file, f"has no 'wkt' in building {row} of features.xy")
    properties = building.get("properties")
    uid = properties.get("uid") if isinstance(properties, dict) else None
    name = f"building {uid or row}"
    try:
        return Outline(name, shapely.from_wkt(text))
    except shapely.GEOSException as error:
        raise unusable(file, f"holds WKT that does not parse in {name}: {error}") from None


def _place(features: dict[str, Any], size: tuple[int, ...]) -> Place | None:
    """Where an image of `size` lies, by the buildings that both lists have with as many corners."""
    pixels, degrees = (_corners(features.get(key)) for key in ("xy", "lng_lat"))
    alike = [uid for uid in pixels if len(pixels[uid]) == len(degrees.get(uid, ()))]
    if not alike:
        return None
    corners, there = (np.concatenate([one[uid] for uid in alike]) for one in (pixels, degrees))
    transform = fitted(corners, there, (size[0], size[1]))
    return transform and Place(LONGITUDE_LATITUDE, transform)


def _corners(listed: Any) -> dict[str, NDArray[np.float64]]:
    """Corners [N, 2] of each building that has them, by uid."""
    corners = {}
    for one in listed if isinstance(listed, list) else ():
        match one:
            case {"wkt": str(text), "properties": {"uid": str(uid)}}:
                corners[uid] = shapely.get_coordinates(shapely.from_wkt(text, on_invalid="ignore"))
    return corners
