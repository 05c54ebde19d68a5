"""The SpaceNet metric of two solution files, as the challenges' own tools take them.

The truth has the columns `ImageId`, `BuildingId` and `PolygonWKT_Pix`, proposals have
`Confidence` as well; other columns are ignored. A row is a building; an image without any has
one row of BuildingId -1 and `POLYGON EMPTY`. What cannot be read for certain is an error.
"""

import csv
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from analysis.loading import AnalysisError
from analysis.tables.formats import Format, write
from analysis.tables.table import Table
from models.metrics.footprint_scores import Counts, footprint_scores
from models.metrics.footprints import IOU_THRESHOLD, MIN_AREA, Footprint, match

TRUTH_COLUMNS = ("ImageId", "BuildingId", "PolygonWKT_Pix")
PROPOSAL_COLUMNS = (*TRUTH_COLUMNS, "Confidence")

AOI = re.compile(r"(?P<spacenet2>AOI_\d+_[A-Za-z]+)(?=_)|(?P<spacenet4>[A-Za-z]+)(?=_nadir\d+_)")
"""Of AOI_5_Khartoum_img12 (SpaceNet 2) and Atlanta_nadir7_catid_…_732701_3724239 (SpaceNet 4)."""


class Row(NamedTuple):
    """A line of a solution file, by column."""

    line: int
    cells: dict[str, str]


def score_solutions(truth: Path, proposals: Path) -> pd.DataFrame:
    """A row an AOI, in the order of the truth, and one for all together, `total`.

    Columns: `AOI` (`other` where the ImageId does not say; left out if none does), `images`,
    `TP`, `FP`, `FN`, and `precision`, `recall`, `F1` of these counts (NaN where they
    are 0 / 0).

    Raises:
        AnalysisError: a file, and the line in it, that cannot be scored.
    """
    buildings: dict[str, list[Any]] = {}
    for row, polygon in _polygons(truth, _rows(truth, TRUTH_COLUMNS)):
        buildings.setdefault(row.cells["ImageId"], []).append(polygon)
    if not buildings:
        raise AnalysisError(f"{truth} lists no image")
    found: dict[str, list[Footprint]] = {image: [] for image in buildings}
    for row, polygon in _polygons(proposals, _rows(proposals, PROPOSAL_COLUMNS)):
        if row.cells["ImageId"] not in found:
            raise _fault(proposals, row.line, f"{truth} has no image {row.cells['ImageId']!r}")
        confidence = _confidence(proposals, row)
        found[row.cells["ImageId"]].append(Footprint(polygon, confidence))
    return _by_aoi({image: match(buildings[image], found[image]) for image in buildings})


def show_solutions(
    truth: Path,
    proposals: Path,
    *,
    format: Format = "text",
    width: int | None = None,
    styled: bool = False,
) -> str:
    """The score of two solution files, ready to print; arguments as of `formats.write`."""
    frame = score_solutions(truth, proposals)
    table = Table(
        title=f"SpaceNet metric: {proposals.name} against {truth.name}",
        warning=None,
        frame=frame,
        scores=("precision", "recall", "F1"),
        notes=(
            f"A proposal is right above an IoU of {IOU_THRESHOLD}, surest first. Truths below "
            f"{MIN_AREA:.0f} px² and proposals that are not above it do not count.",
            "TP, FP and FN are summed over images; precision, recall and F1 are of the sums.",
        ),
        context={"truth": str(truth), "proposals": str(proposals)},
        contest=(None,) * len(frame),
    )
    return write(table, format, width=width, styled=styled)


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)  # the outline of a large component is a long cell
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.reader(opened, strict=True)
            try:
                yield from _checked(file, columns, reader)
            except csv.Error as error:
                raise _fault(file, reader.line_num, f"is not CSV: {error}") from error
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AnalysisError(f"{file} is not text in UTF-8: {error.reason}") from error


def _checked(file: Path, columns: tuple[str, ...], reader: Any) -> Iterator[Row]:
    header: list[str] = next(reader, [])
    if missing := [column for column in columns if column not in header]:
        has = ", ".join(header) or "nothing"
        raise _fault(file, 1, f"has no column {', '.join(missing)} (it has {has})")
    for cells in reader:
        if cells and len(cells) != len(header):
            reason = f"has {len(cells)} cells for {len(header)} columns; are polygons in quotes?"
            raise _fault(file, reader.line_num, reason)
        if cells:
            yield Row(reader.line_num, dict(zip(header, cells, strict=True)))


def _polygons(file: Path, rows: Iterator[Row]) -> Iterator[tuple[Row, Any]]:
    """Each row with its polygon; the last line of a row stands for it."""
    read = list(rows)
    texts = np.array([row.cells["PolygonWKT_Pix"] for row in read], dtype=object)
    with np.errstate(invalid="ignore"):  # from coordinates that are not numbers: see _unusable
        polygons = shapely.from_wkt(texts, on_invalid="ignore")
    unusable = _unusable(polygons)
    for at, row in enumerate(read):
        if unusable[at]:
            text = row.cells["PolygonWKT_Pix"]
            shown = text if len(text) <= 40 else f"{text[:40]}…"
            raise _fault(file, row.line, f"PolygonWKT_Pix is not a polygon in WKT: {shown!r}")
        if row.cells["BuildingId"].strip() == "-1" and not polygons[at].is_empty:
            raise _fault(file, row.line, "BuildingId -1 means no building, but it has a polygon")
        yield row, polygons[at]


def _unusable(polygons: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which are no (multi)polygons with finite vertices; heights do not matter."""
    areal = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    unusable = ~np.isin(shapely.get_type_id(polygons), areal)
    vertices, owners = shapely.get_coordinates(polygons, return_index=True)
    unusable[owners[~np.isfinite(vertices).all(axis=1)]] = True
    return unusable


def _confidence(file: Path, row: Row) -> float:
    text = row.cells["Confidence"]
    try:
        confidence = float(text)
    except ValueError:
        confidence = math.nan
    if not math.isfinite(confidence):
        raise _fault(file, row.line, f"Confidence is not a number: {text!r}")
    return confidence


def _by_aoi(counts: dict[str, Counts]) -> pd.DataFrame:
    aois: dict[str, list[Counts]] = {}
    for image, of_image in counts.items():
        found = AOI.search(image)
        aois.setdefault(found.group() if found else "other", []).append(of_image)
    if set(aois) == {"other"}:
        aois = {}
    rows = []
    for name, of_images in {**aois, "total": list(counts.values())}.items():
        total = np.sum(of_images, axis=0)
        scores = {
            kind.removeprefix("footprint_"): float(value)
            for kind, value in footprint_scores(total).items()
        }
        rows.append(
            {
                "AOI": name,
                "images": len(of_images),
                **dict(zip(("TP", "FP", "FN"), total.tolist(), strict=True)),
                **{kind: scores[kind] for kind in ("precision", "recall", "F1")},
            }
        )
    return pd.DataFrame(rows)


def _fault(file: Path, line: int, reason: str) -> AnalysisError:
    return AnalysisError(f"{file}, line {line}: {reason}")
