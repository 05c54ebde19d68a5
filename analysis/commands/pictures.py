"""Draw what the best arms of a sweep find in its test images: input, truth, prediction and
error side by side, on the same images for all, from the best image to the worst. Of
georeferenced data, the errors of the best arm go into a GeoJSON as well, for a GIS.
Needs the decoded images and the weights where the run left them.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from analysis.commands.arguments import add_run
from analysis.runs import load

SUMMARY = "draw predictions and their errors, and map them"
EXAMPLES = (
    "pictures results/landcover_swin",
    "pictures results/landcover_swin --arms 2 --images 5 --to figures",
)


def add_arguments(parser: ArgumentParser) -> None:
    """The run, how many arms and images, and where to."""
    add_run(parser)
    parser.add_argument(
        "--arms", type=_positive, default=3, metavar="N", help="the N best arms (default: 3)"
    )
    parser.add_argument(
        "--images",
        type=_positive,
        default=3,
        metavar="N",
        help="N images, at equal steps from the best to the worst (default: 3)",
    )
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="where to (default: pictures/ of the run)"
    )


def answer(options: Namespace) -> str:
    """What was written, a file a line."""
    from analysis.error_map import places_missing, write_error_map
    from analysis.pictures import draw_pictures
    from analysis.pictures.choice import best_models

    run = load(options.run)
    folder = options.to or run.path / "pictures"
    pictures = draw_pictures(run, folder, options.arms, options.images)
    lines = [f"{picture.file}: {picture.title}" for picture in pictures]
    (winner,) = best_models(run, 1)
    if reason := places_missing(run, winner.name):
        return "\n".join([*lines, f"No map of errors: {reason}"])
    file = folder / f"errors-{winner.name}.geojson"
    errors = write_error_map(run, winner.name, file)
    return "\n".join([*lines, f"{file}: {errors.told}"])


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
