"""One's own rasters: looked at once, then read as any other data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.ground import metres_a_pixel
from datasets.places import packed_places
from datasets.raster.area import area_of
from datasets.raster.bands import common_bands
from datasets.raster.boxes import box_labels
from datasets.raster.headers import Header, header, header_of
from datasets.raster.image_labels import folder_labels, is_label_table, table_labels
from datasets.raster.labels import Labels
from datasets.raster.layout import Layout, look
from datasets.raster.masks import MaskLabels, meaning, values, values_of
from datasets.raster.options import OwnData
from datasets.raster.points import are_points, point_labels
from datasets.raster.polygons import polygon_labels
from datasets.raster.source import OwnRasters
from datasets.remembered import Memory
from datasets.scenes import refusal
from datasets.source import DataError, Problem
from runs.progress import UNSEEN, Progress

__all__ = ["OwnData", "OwnRasters", "open_raster"]


def open_raster(
    root: Path,
    options: OwnData,
    named: Sequence[str | int] | str | None,
    ignored: int,
    cache: Path,
    progress: Progress = UNSEEN,
) -> OwnRasters:
    """Look at a folder of rasters: which files belong together, what their bands and labels are.

    Args:
        named: what the sweep says of bands: names tell what the bands of files without names are.
        ignored: mask value that does not count.
        cache: what was found out about files is kept below it.

    Raises:
        DataError: the data cannot be used as they are; the message says what to do.
    """
    progress.step(f"listing the files of {root}")
    layout = look(root, options.images, options.labels, options.aoi)
    memory = Memory(root, cache, progress)
    images = list(layout.images.values())
    found = memory.of("headers", images, header_of, "reading the headers of the images")
    problems = _faults(found)
    headers = {image: header(one) for image, one in found.items() if not isinstance(one, str)}
    if not headers:
        raise refusal(problems)
    bands, numbers, band_notes = common_bands(headers, named, problems)
    annotations = _labels(layout, options, headers, ignored, memory, problems)
    notes = [*band_notes, *_ground(headers)]
    return OwnRasters(
        root,
        layout,
        {image: headers[image] for image in numbers},
        numbers,
        bands,
        annotations,
        options.nodata,
        area_of(root / options.aoi) if options.aoi else None,
        tuple(notes),
        tuple(problems),
    )


def _labels(
    layout: Layout,
    options: OwnData,
    headers: dict[Path, Header],
    ignored: int,
    memory: Memory,
    problems: list[Problem],
) -> Labels:
    _refuse_keys_of_others(layout, options)
    paired = None
    if layout.paired is not None:
        paired = {layout.images[key]: file for key, file in layout.paired.items()}
    if layout.kind == "classes":
        return folder_labels(options, tuple(layout.images.values()), memory.root)
    if layout.kind == "boxes" and is_label_table(layout.labels):
        return table_labels(options, layout.labels, tuple(layout.images.values()), memory.root)
    if layout.kind == "boxes":
        return box_labels(options, layout.labels, tuple(layout.images.values()), memory.root)
    if layout.kind == "polygons" and are_points(layout.labels, options.layer):
        return point_labels(options, layout.labels, headers)
    if layout.kind == "polygons":
        return polygon_labels(options, layout.labels, paired, headers)
    assert paired is not None, "masks are paired with images"
    found = memory.of("masks", list(paired.values()), values_of, "looking at the masks")
    faults = _faults(found)
    problems += faults
    held = {
        file.relative_to(memory.root).as_posix(): values(one)
        for file, one in found.items()
        if not isinstance(one, str)
    }
    if not held:
        raise refusal(faults)
    usable = {image: file for image, file in paired.items() if not isinstance(found[file], str)}
    return MaskLabels(usable, meaning(held, options.classes, options.background, ignored))


def _faults(found: dict[Path, Any]) -> list[Problem]:
    """The files of which a text was found: it says what is wrong with them."""
    return [Problem(file, one) for file, one in found.items() if isinstance(one, str)]


def _refuse_keys_of_others(layout: Layout, options: OwnData) -> None:
    """A key that says something about labels of another kind would say nothing here."""
    of_polygons = {"layer": None, "class_field": None, "all_touched": False}
    for key, usual in of_polygons.items():
        if layout.kind != "polygons" and getattr(options, key) != usual:
            raise DataError(
                f"dataset.{key}: it is of vector files, but the labels are {layout.kind}"
            )


def _ground(headers: dict[Path, Header]) -> list[str]:
    """A note where a pixel is not of one size on the ground in all images."""
    names = [image.name for image in headers]
    infos = [one.info for one in headers.values()]
    sizes = np.array([(info.height, info.width) for info in infos])
    metres = metres_a_pixel(sizes, packed_places([info.place for info in infos]))
    if not np.isfinite(metres).any():
        return []
    finest, coarsest = int(np.nanargmin(metres)), int(np.nanargmax(metres))
    if metres[coarsest] <= 1.01 * metres[finest]:
        return []
    return [
        f"images differ in their ground sampling distance, from {metres[finest]:.3g} m"
        f" ({names[finest]}) to {metres[coarsest]:.3g} m ({names[coarsest]}): a model sees objects"
        " of different sizes; resample to one"
    ]
