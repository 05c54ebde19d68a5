"""What a folder of data is: everything that a person wants to know before training on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from datasets.cache import as_listed, divided, seen_from_afar
from datasets.describe.published import published
from datasets.ground import metres_a_pixel
from datasets.leaks import Audit
from datasets.options import RASTER, Dataset, source_of, tiling_of
from datasets.overview import Overview
from datasets.source import DataError, Source, Tiling
from datasets.survey import Survey, survey
from runs.errors import did_you_mean
from runs.overrides import parse_override
from runs.progress import UNSEEN, Progress

LARGEST = 1024
"""Side in pixels of the parts in which scenes are looked at: more is never in memory at once."""


@dataclass(frozen=True, eq=False)
class Description:
    """What lies in a folder.

    Attributes:
        options: the `dataset` section that reads it.
        tiling: the parts in which it was looked at.
        overview: where its items lie.
        audit: what the splits share; None if it cannot be divided.
        fault: why it cannot be divided into train, val and test; "" if it can.
    """

    options: Dataset
    source: Source
    root: Path
    tiling: Tiling | None
    survey: Survey
    overview: Overview
    audit: Audit | None
    fault: str

    @property
    def scenes(self) -> dict[str, set[str]]:
        """The scenes of each split."""
        splits = self.survey.listing.splits
        return {split: {item.scene for item in items} for split, items in splits.items()}

    @property
    def ground(self) -> NDArray[np.float64]:
        """Metres that a pixel is wide, of each item that has a place on Earth."""
        metres = metres_a_pixel(self.overview.sizes, self.overview.places)
        return metres[np.isfinite(metres)]


def options_for(root: Path, overrides: Iterable[str], progress: Progress = UNSEEN) -> Dataset:
    """The `dataset` section for a folder: of the data set that it is, or else of own rasters.

    Args:
        overrides: of its keys, such as `class_field=kind` or `dataset.splits.blocks=2km`.

    Raises:
        DataError: the folder is not there, or an override is wrong.
    """
    if not root.is_dir():
        raise DataError(f"No data: {root} is not a folder")
    section: dict[str, Any] = {"root": root}
    for text in overrides:
        try:
            dotted, value = parse_override(text)
        except ValueError as error:
            raise DataError(f"command line: {error}") from None
        *parents, key = dotted.removeprefix("dataset.").split(".")
        target = section
        for parent in parents:
            target = target.setdefault(parent, {})
        target[key] = value
    if "name" not in section:
        section["name"] = published(root, progress) or RASTER
    try:
        return Dataset.model_validate(section)
    except ValidationError as error:
        raise DataError("\n".join(_sentences(error))) from None


def describe(options: Dataset, cache: Path, progress: Progress = UNSEEN) -> Description:
    """Look at everything that `options` name: headers, pixels, labels, places, splits.

    Raises:
        DataError: nothing can be said: there are no images, no labels, or what they mean is open.
    """
    source, root = source_of(options, cache, progress)
    tiling = tiling_of(source, options)
    if options.name == RASTER and source.tiled:
        tiling = Tiling(LARGEST, 0)
    progress.step(f"listing the files of {source.title}")
    listing = as_listed(source.find(root, tiling), options.splits.division, root)
    seen = seen_from_afar(source, root, listing, cache, progress)
    audit, fault = None, ""
    try:
        listing, audit = divided(
            source, root, listing, seen, options.splits.division, cache, progress
        )
    except DataError as error:
        fault = str(error)
    surveyed = survey(source, root, listing, progress)
    return Description(options, source, root, tiling, surveyed, seen, audit, fault)


def _sentences(error: ValidationError) -> list[str]:
    lines = []
    for details in error.errors():
        key = ".".join(map(str, details["loc"]))
        message = details["msg"].removeprefix("Value error, ")
        if details["type"] == "extra_forbidden":
            message = "there is no such key" + did_you_mean(key, Dataset.model_fields)
        lines.append(f"dataset.{key}: {message}" if key else f"dataset: {message}")
    return lines


__all__ = ["Description", "describe", "options_for"]
