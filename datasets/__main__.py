"""`python -m datasets`: what a folder of data holds, without training on it."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from datasets import DATASETS, DataError, Source, Tiling
from datasets.describe import LARGEST, describe, options_for
from datasets.describe.facts import Table, bands
from datasets.describe.page import page
from datasets.describe.text import description, lines_of
from datasets.drafts import draft
from datasets.options import RASTER, Dataset, source_of
from datasets.source import IGNORE
from datasets.survey import Survey, survey
from datasets.tiling import check_tiling
from runs.errors import EosweepError, counted, did_you_mean
from runs.files import write_text
from runs.plain import plain_lines
from runs.progress import Progress
from runs.shown import Shown

ROOT = Path(__file__).resolve().parent.parent
Command = Callable[[argparse.Namespace, Progress], tuple[int, Iterator[str]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1 for bad files, 2 if there is nothing to read.

    Progress is shown on the standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        with Shown(Console(stderr=True)) as progress:
            status, lines = options.command(options, progress)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1 if error.problems else 2
    except EosweepError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(map(plain_lines, lines)))
    return int(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m datasets", description="What a folder of data holds."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_check(commands)
    described = _add(
        commands,
        "describe",
        _describe,
        "say what a folder of your own data is",
        """\
Look at everything under ROOT and say what it is: layout, sizes, bands, places, classes by
split, objects, copies, problems. Nothing is trained. The exit status is 0, or 1 if a file
cannot be used, or 2 if the folder cannot be read as data; the message then says which key
helps, and it can be given here as key=value, as to tune_main.py.""",
        """\
  python -m datasets describe /data/mine
  python -m datasets describe /data/mine class_field=kind --html mine.html""",
    )
    described.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    _add(
        commands,
        "sweep",
        _sweep,
        "write a sweep file for a folder of your own data",
        """\
Print a sweep file for the data under ROOT, with a comment beside each key that says why it
has its value. Check it with tune_main.py FILE --dry-run, change what you know better.""",
        """\
  python -m datasets sweep /data/mine > sweeps/mine.yaml
  python -m datasets sweep /data/mine class_field=kind splits.blocks=2km > sweeps/mine.yaml""",
    )
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Command,
    short: str,
    long: str,
    examples: str,
) -> argparse.ArgumentParser:
    added = commands.add_parser(
        name,
        help=short,
        description=long,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(command=command)
    if name == "check":
        added.add_argument("name", metavar="NAME", help=f"one of {', '.join((*DATASETS, RASTER))}")
    added.add_argument("root", metavar="ROOT", type=Path, help="the folder that holds the data")
    added.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="keys of the sweep file's dataset section, such as class_field=kind",
    )
    added.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "cache",
        metavar="DIR",
        help="what was found out about files is kept there (default: cache/)",
    )
    return added


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = _add(
        commands,
        "check",
        _check,
        "read a data set as a sweep would, and say what is there",
        """\
Read every image and every label under ROOT, as a sweep would, and say what is there:
splits, sizes, value ranges, classes, objects, and every file that cannot be used, with
the reason. Nothing is trained. The exit status is 0, or 1 if a file cannot be used, or 2
if there is no such data set or nothing at ROOT.""",
        """\
  python -m datasets check landslide4sense /data/landslide4sense
  python -m datasets check coco /data/ships --tile 512 --overlap 64""",
    )
    check.add_argument(
        "--tile", metavar="N", type=int, help="cut scenes into tiles of N pixels a side"
    )
    check.add_argument(
        "--overlap", metavar="N", type=int, default=0, help="of neighbouring tiles, in pixels"
    )


def _describe(options: argparse.Namespace, progress: Progress) -> tuple[int, Iterator[str]]:
    section = options_for(options.root, options.overrides, progress)
    found = describe(section, options.cache, progress)
    if options.html:
        write_text(options.html, page(found))
    return 1 if found.survey.problems else 0, description(found)


def _sweep(options: argparse.Namespace, progress: Progress) -> tuple[int, Iterator[str]]:
    section = options_for(options.root, options.overrides, progress)
    return 0, draft(describe(section, options.cache, progress), options.cache, progress)


def _check(options: argparse.Namespace, progress: Progress) -> tuple[int, Iterator[str]]:
    source, root = _source(options, progress)
    tiling = _tiling(source, options.tile, options.overlap)
    progress.step(f"listing the files of {source.title}")
    found = survey(source, root, source.find(root, tiling), progress)
    return 1 if found.problems else 0, _report(source, root, found)


def _source(options: argparse.Namespace, progress: Progress) -> tuple[Source, Path]:
    if options.name not in (*DATASETS, RASTER):
        hint = did_you_mean(options.name, (*DATASETS, RASTER))
        raise DataError(f"there is no data set {options.name!r}{hint}")
    named = [f"name={options.name}", *options.overrides]
    return source_of(options_for(options.root, named, progress), options.cache, progress)


def _tiling(source: Source, tile: int | None, overlap: int) -> Tiling | None:
    if tile is None:
        if overlap:
            raise DataError("--overlap needs tiles: give --tile as well")
        return Tiling(LARGEST, 0) if source.name == RASTER and source.tiled else None
    if not source.tiled:
        raise DataError(f"{source.title} is not cut into tiles: leave --tile out")
    tiling = Tiling(tile, overlap)
    check_tiling(tiling)
    return tiling


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
    yield from lines_of(Table(("split", "scenes", "images", "usable"), rows))
    if found.sizes:
        yield from _images(source, found)
        yield from _labels(source, found)
    for note in found.notes:
        yield f"note: {note}"
    yield from _problems(source, found)


def _lack(source: Source, found: Survey) -> str:
    """What a sweep will not find in the labels, and what helps; empty if they have all."""
    usual = {key: field.default for key, field in Dataset.model_fields.items()}
    size, least = usual["image_size"], usual["min_area"]
    if "masks" in source.labels and not found.all_pixels[1:IGNORE].any():
        if not found.all_pixels[IGNORE]:
            return "the masks hold nothing but background"
        return (
            f"the masks hold no class, only background and {IGNORE}, which is ignored: if {IGNORE}"
            f" marks a class, read them as the data set raster, with dataset.classes: {{{IGNORE}:"
            " NAME}"
        )
    if "image labels" in source.labels:
        return "" if found.all_images.any() else "no image has a label"
    if not found.all_objects.any():
        return "no image holds an object, so that there is nothing to train on"
    if found.largest * size**2 < least:
        return (
            f"no object has dataset.min_area, {least:g} px² at dataset.image_size {size}: lower the"
            " one, raise the other, or cut the scenes with dataset.tile"
        )
    return ""


def _images(source: Source, found: Survey) -> Iterator[str]:
    sizes = [(f"{h} × {w}", f"{count:,}") for (h, w), count in found.sizes.most_common()]
    yield from lines_of(Table(("height × width", "images"), sizes))
    yield from lines_of(bands(source, found))


def _labels(source: Source, found: Survey) -> Iterator[str]:
    classes = found.listing.classes
    if "image labels" in source.labels:
        rows = [(name, f"{n:,}") for name, n in zip(classes, found.all_images, strict=True)]
        yield from lines_of(Table(("class", "images"), rows))
        return
    if "masks" in source.labels:
        pixels = found.all_pixels[: len(classes) + 1]
        objects = ("", *(f"{count:,}" for count in found.all_objects))
        shares = [f"{share:.2%}" for share in pixels / max(pixels.sum(), 1)]
        names = ("background", *classes)
        shown = list(zip(names, shares, objects, strict=True))
        yield from lines_of(Table(("class", "pixels", "objects"), shown))
        if ignored := found.all_pixels[IGNORE]:
            yield f"ignored: {ignored / found.all_pixels.sum():.2%} of all pixels"
    else:
        rows = [(name, f"{n:,}") for name, n in zip(classes, found.all_objects, strict=True)]
        yield from lines_of(Table(("class", "objects"), rows))
    total, images = found.all_objects.sum(), sum(found.usable.values())
    within = counted(images - found.empty, "image")
    yield f"objects: {total:,} in {within}; without any: {counted(found.empty, 'image')}"
    if "footprints" in source.labels:
        yield f"footprints: {found.footprints:,}"
    yield ""


def _problems(source: Source, found: Survey) -> Iterator[str]:
    if found.problems:
        faults = counted(len(found.problems), "fault")
        files = counted(len({file for file, _ in found.problems}), "file")
        yield f"{faults} in {files}, which cannot be used:"
        yield from (f"  {file.as_posix()}: {reason}" for file, reason in found.problems)
    elif lack := _lack(source, found):
        yield f"every file can be read, but {lack}"
    else:
        yield "every file can be used"


if __name__ == "__main__":
    sys.exit(main())
