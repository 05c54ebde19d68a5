"""A description as tables and remarks, which the text and the page show alike."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from datasets.box_scenes import listed
from datasets.describe import Description
from datasets.options import RASTER
from datasets.raster import OwnRasters
from datasets.source import IGNORE, Source
from datasets.survey import Survey
from runs.classes import BACKGROUND
from runs.errors import counted

QUANTILES = (0.05, 0.5, 0.95)
SPREAD = ("lowest", "5 %", "median", "95 %", "highest")
FEW_SIZES = 4
COCO_LIMIT = 100
FREQUENT = 0.01
"""Share of the pixels from which on a common lowest value is no chance."""
FEWEST_BANDS = 2
"""A lowest value of one band is often a measurement, as of a dark image."""


class Table(NamedTuple):
    """A header and rows of as many cells; numbers are flush right unless they are `words`."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: bool = False


class Remark(NamedTuple):
    """What a person should know; all but notes ask for something to be done."""

    kind: Literal["note", "leak", "lacking", "splits", "bad file"]
    text: str


def title(found: Description) -> str:
    """What the folder is, in a line."""
    what = found.source.title
    if found.options.name == RASTER:
        what = "own rasters (dataset.name: raster)"
    return f"{what}: {found.survey.listing.layout}"


def tables(found: Description) -> list[Table]:
    """Splits, images, bands, classes and objects."""
    made = [_splits(found), _images(found)]
    if found.survey.dtype:
        made += [bands(found.source, found.survey), _classes(found)]
    if found.survey.held:
        made.append(_objects(found.survey))
    return made


def remarks(found: Description) -> list[Remark]:
    """What was noticed, what splits share or lack, and what cannot be used."""
    survey, audit = found.survey, found.audit
    notes = (*survey.notes, *(audit.notes if audit else ()))
    made = [Remark("note", note) for note in notes]
    if survey.most > COCO_LIMIT:
        limit = f"COCO's metrics count the best {COCO_LIMIT} detections of an image"
        made.append(Remark("note", f"an image holds {survey.most:,} objects, and {limit}"))
    if survey.blank:
        blank = f"{counted(len(survey.blank), 'image')} without any data: {listed(survey.blank)}"
        made.append(Remark("note", f"{blank}; a sweep leaves them out"))
    if survey.empty:
        count = f"{survey.empty:,} of {sum(survey.usable.values()):,}"
        made.append(Remark("note", f"{count} images hold no object"))
    if survey.multi_label:
        spread = f"{min(survey.several)} to {max(survey.several)}"
        made.append(Remark("note", f"an image has {spread} labels: they are multi-label"))
    if ignored := survey.all_pixels[IGNORE]:
        share = f"{ignored / survey.all_pixels.sum():.2%}"
        made.append(Remark("note", f"{share} of all pixels do not count: no data, or ignored"))
    if note := _undeclared(found):
        made.append(Remark("note", note))
    if found.fault:
        made.append(Remark("splits", found.fault))
    made += [Remark("leak", line) for line in (audit.lines if audit else ())]
    made += [Remark("lacking", line) for line in _lacking(survey)]
    made += [Remark("bad file", f"{file}: {reason}") for file, reason in survey.problems]
    return made


def _undeclared(found: Description) -> str:
    """A note on a value that may mean "no data" and is not declared: one value, the lowest of every
    band, which many pixels have in all of them.
    """
    survey = found.survey
    bands = len(survey.lowest)
    values = np.concatenate([np.empty((bands, 0), np.float32), *survey.sample], axis=1)
    if not isinstance(found.source, OwnRasters) or bands < FEWEST_BANDS or not values.size:
        return ""
    value = survey.lowest.min()
    share = (values == value).all(axis=0).mean()
    if share < FREQUENT:
        return ""
    return (
        f"{share:.1%} of the pixels that count hold {value:g} in every band: if that means no data,"
        f" write dataset.nodata: {value:g}"
    )


def bands(source: Source, survey: Survey) -> Table:
    """The range of each band, of pixels with data."""
    values = np.concatenate(survey.sample, axis=1)
    inner = np.full((len(QUANTILES), len(source.bands)), np.nan)
    if values.size:
        inner = np.quantile(values, QUANTILES, axis=1)
    columns = zip(source.bands, survey.lowest, *inner, survey.highest, strict=True)
    form = ".3g" if survey.dtype == "float32" and np.abs(survey.highest).max() < 1000 else "g"
    rows = [(band, *(f"{value + 0:{form}}" for value in of_band)) for band, *of_band in columns]
    return Table((f"band ({_types(source, survey)})", *SPREAD), rows)


def class_counts(survey: Survey) -> dict[str, NDArray[np.int64]]:
    """Of each split, pixels of class ids 0, 1, 2, …; without masks, objects of 1, 2, …, or images
    where they are labelled as a whole."""
    if survey.several:
        return survey.images
    if survey.all_pixels.any():
        ids = 1 + len(survey.listing.classes)
        return {split: pixels[:ids] for split, pixels in survey.pixels.items()}
    return survey.objects


def _splits(found: Description) -> Table:
    survey = found.survey
    rows = [
        (
            _called(found, split),
            f"{len({item.scene for item in items}):,}",
            f"{survey.usable[split]:,}",
            f"{(survey.images if survey.several else survey.objects)[split].sum():,}",
        )
        for split, items in survey.listing.splits.items()
    ]
    parts = "images" if found.tiling is None else f"parts of {found.tiling.size} px"
    return Table(("split", "scenes", parts, "labels" if survey.several else "objects"), rows)


def _images(found: Description) -> Table:
    return Table(("images", ""), [row for row in _facts(found) if row[1]], words=True)


def _facts(found: Description) -> Iterator[tuple[str, str]]:
    source, survey = found.source, found.survey
    nodata = ""
    sizes = [*survey.sizes.elements()]
    if isinstance(source, OwnRasters):
        headers = [*source.headers.values()]
        sizes = [(one.height, one.width) for one in headers]
        declared = sorted({one.nodata for one in headers if one.nodata is not None})
        nodata = ", ".join(f"{value:g}" for value in declared)
    yield "height × width", _sizes(sizes)
    yield "type", _types(source, survey)
    yield "nodata declared", nodata
    if survey.without_data:
        pixels = sum(h * w * count for (h, w), count in survey.sizes.items())
        yield "without data", f"{survey.without_data / pixels:.1%} of all pixels"
    systems = [_name(str(crs)) for crs in found.overview.places.systems]
    yield "reference system", ", ".join(dict.fromkeys(systems)) or "none"
    if len(ground := found.ground):
        low, high = ground.min(), ground.max()
        spread = f"{low:.3g} m" if high < 1.01 * low else f"{low:.3g} to {high:.3g} m"
        yield "ground sampling", f"{spread} a pixel"


def _types(source: Source, survey: Survey) -> str:
    """As which type values are stored: other types than three are read as float32."""
    if isinstance(source, OwnRasters):
        return ", ".join(sorted({one.dtype for one in source.headers.values()}))
    return survey.dtype


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    counts = Counter(sizes)
    if len(counts) <= FEW_SIZES:
        return ", ".join(f"{h} × {w} px ({count})" for (h, w), count in counts.items())
    heights, widths = zip(*sizes, strict=True)
    spread = f"{min(heights)} to {max(heights)} × {min(widths)} to {max(widths)} px"
    return f"{spread}, {len(counts)} different sizes"


def _name(crs: str) -> str:
    known = CRS.from_wkt(crs)
    return known.to_string() if known.to_epsg() else crs.split('"')[1]


def _called(found: Description, split: str) -> str:
    """What a split is called; what cannot be divided is all in one."""
    return "all" if found.fault else split


def _classes(found: Description) -> Table:
    """Shares of the pixels, or else of the objects or labels, of each class in each split."""
    survey = found.survey
    classes, counts = survey.listing.classes, class_counts(survey)
    masked = bool(survey.all_pixels.any())
    names = (BACKGROUND, *classes) if masked else classes
    things = "images" if survey.several else "objects"
    amounts = survey.all_images if survey.several else survey.all_objects
    objects = [*([""] if masked else []), *(f"{count:,}" for count in amounts)]
    shares = [of_split / max(1, of_split.sum()) for of_split in counts.values()]
    rows = [
        (name, *(f"{share:.2%}" for share in of_class), count)
        for name, *of_class, count in zip(names, *shares, objects, strict=True)
    ]
    what = "pixels" if masked else things
    splits = [_called(found, split) for split in counts]
    return Table((f"class ({what})", *splits, things), rows)


def _objects(survey: Survey) -> Table:
    sides = np.concatenate(survey.sides)
    spreads: dict[str, NDArray[Any]] = {
        "width (px)": sides[:, 0],
        "height (px)": sides[:, 1],
        "area (px²)": np.concatenate(survey.areas),
        "in an image": np.array([*survey.held.values()]),
    }
    rows = [
        (name, *(f"{value:,.0f}" for value in np.quantile(values, (0, *QUANTILES, 1))))
        for name, values in spreads.items()
    ]
    return Table(("objects", *SPREAD), rows)


def _lacking(survey: Survey) -> list[str]:
    """Classes that a split does not have."""
    first = 1 if survey.all_pixels.any() else 0
    return [
        f"{split} has no {name}"
        for split, of_split in class_counts(survey).items()
        for name, count in zip(survey.listing.classes, of_split[first:], strict=True)
        if not count
    ]
