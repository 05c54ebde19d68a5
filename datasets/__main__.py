"""`python -m datasets`: what a folder of data holds, without training on it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from datasets import DATASETS, DataError, Source, Tiling
from datasets.source import IGNORE
from datasets.survey import Survey, survey
from runs.errors import did_you_mean
from runs.shown import Shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1 for bad files, 2 if there is nothing to check.

    Progress is shown on the standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        source = _source(options.name)
        tiling = _tiling(source, options.tile, options.overlap)
        with Shown(Console(stderr=True)) as progress:
            found = survey(source, options.root, tiling, progress)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1 if error.problems else 2
    print("\n".join(_report(source, options.root, found)))
    return 1 if found.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m datasets", description="What a folder of data holds."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="read a data set as a sweep would, and say what is there",
        description="""\
Read every image and every label under ROOT, as a sweep would, and say what is there:
splits, sizes, value ranges, classes, objects, and every file that cannot be used, with
the reason. Nothing is trained and nothing is written. The exit status is 0, or 1 if a
file cannot be used, or 2 if there is no such data set or nothing at ROOT.""",
        epilog="""examples:
  python -m datasets check landslide4sense /data/landslide4sense
  python -m datasets check coco /data/ships --tile 512 --overlap 64""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("name", metavar="NAME", help=f"one of {', '.join(DATASETS)}")
    check.add_argument("root", metavar="ROOT", type=Path, help="the folder that holds the data")
    check.add_argument(
        "--tile", metavar="N", type=int, help="cut scenes into tiles of N pixels a side"
    )
    check.add_argument(
        "--overlap", metavar="N", type=int, default=0, help="of neighbouring tiles, in pixels"
    )
    return parser


def _source(name: str) -> Source:
    if name in DATASETS:
        return DATASETS[name]
    raise DataError(f"there is no data set {name!r}{did_you_mean(name, DATASETS)}")


def _tiling(source: Source, tile: int | None, overlap: int) -> Tiling | None:
    if tile is None:
        if overlap:
            raise DataError("--overlap needs tiles: give --tile as well")
        return None
    if not source.tiled:
        raise DataError(f"{source.title} is not cut into tiles: leave --tile out")
    return Tiling(tile, overlap)


def _report(source: Source, root: Path, found: Survey) -> Iterator[str]:
    listing = found.listing
    yield f"{source.title} under {root}, layout {listing.layout}"
    yield ""
    rows = [
        (split, f"{len({item.scene for item in items}):,}", f"{len(items):,}", f"{usable:,}")
        for (split, items), usable in zip(
            listing.splits.items(), found.usable.values(), strict=True
        )
    ]
    yield from _table(("split", "scenes", "images", "usable"), rows)
    if found.sizes:
        yield from _images(source, found)
        yield from _labels(source, found)
    for note in listing.notes:
        yield f"note: {note}"
    if found.problems:
        count = len({file for file, _ in found.problems})
        faults = f"{len(found.problems)} fault{'s' if len(found.problems) > 1 else ''}"
        yield f"{faults} in {count} file{'s' if count > 1 else ''}, which cannot be used:"
        yield from (f"  {file.as_posix()}: {reason}" for file, reason in found.problems)
    else:
        yield "every file can be used"


def _images(source: Source, found: Survey) -> Iterator[str]:
    sizes = [(f"{h} × {w}", f"{count:,}") for (h, w), count in found.sizes.most_common()]
    yield from _table(("height × width", "images"), sizes)
    ranges = [
        (band, f"{low + 0:g}", f"{high + 0:g}")  # no -0
        for band, low, high in zip(source.bands, found.lowest, found.highest, strict=True)
    ]
    yield from _table((f"band ({found.dtype})", "lowest", "highest"), ranges)


def _labels(source: Source, found: Survey) -> Iterator[str]:
    classes = found.listing.classes
    if "masks" in source.labels:
        counted = found.pixels[: len(classes) + 1]
        objects = ("", *(f"{count:,}" for count in found.objects))
        shares = [f"{share:.2%}" for share in counted / max(counted.sum(), 1)]
        names = ("background", *classes)
        yield from _table(
            ("class", "pixels", "objects"), list(zip(names, shares, objects, strict=True))
        )
        if ignored := found.pixels[IGNORE]:
            yield f"ignored: {ignored / found.pixels.sum():.2%} of all pixels"
    else:
        rows = [(name, f"{count:,}") for name, count in zip(classes, found.objects, strict=True)]
        yield from _table(("class", "objects"), rows)
    total, images = found.objects.sum(), sum(found.usable.values())
    yield f"objects: {total:,} in {images - found.empty:,} images; {found.empty:,} images hold none"
    if "footprints" in source.labels:
        yield f"footprints: {found.footprints:,}"
    yield ""


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Names on the left, numbers flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for first, *others in (header, *rows):
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells])
    yield ""


if __name__ == "__main__":
    sys.exit(main())
