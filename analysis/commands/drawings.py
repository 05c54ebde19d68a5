"""The subcommands that write figures, pictures and reports.

What they need beyond pandas (matplotlib, jinja2, geometry) is imported when they run, so that the
other subcommands start fast.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from analysis.commands.command import Command, add_run, check_output
from analysis.loading import load


def _figures(options: Namespace) -> str:
    """Draw the figures of a run: arms with intervals, best score after n trials, quality against
    cost, effects of the factors, hyperparameters that mattered, learning curves, mistakes of the
    best arm, and what ran when. Figures that do not apply to a run are left out, with the reason.
    """
    from analysis.figures import sketch_figures, write_figure

    run = load(options.run)
    folder = check_output(options.to or run.path / "figures", "--to")
    sketches, left_out = sketch_figures(run)
    drawn = [write_figure(name, one, folder, options.format) for name, one in sketches.items()]
    paragraphs = [f"{', '.join(map(str, one.files))}\n  {one.caption}" for one in drawn]
    return "\n".join(paragraphs + [f"{name} left out: {why}" for name, why in left_out.items()])


def _figures_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="where they are written; RUN/figures by default"
    )
    parser.add_argument(
        "--format",
        nargs="+",
        choices=("png", "pdf", "svg"),
        default=["png", "pdf"],
        help="of the files, one or several; png and pdf by default",
    )


def _pictures(options: Namespace) -> str:
    """Draw what the best arms of a sweep found in its test images: input, truth, prediction and
    error side by side, on the same images for all, from the best image to the worst. Of
    georeferenced data, the errors of the best arm go into a GeoJSON as well, for a GIS.
    Needs the decoded images where the run left them.
    """
    from analysis.pictures import draw_pictures
    from analysis.pictures.choice import shown_models
    from analysis.pictures.error_map import places_missing, write_error_map

    run = load(options.run)
    folder = check_output(options.to or run.path / "pictures", "--to")
    pictures = draw_pictures(run, folder, options.arms, options.images)
    lines = [f"{picture.file}: {picture.title}" for picture in pictures]
    (winner,) = shown_models(run, 1)
    if reason := places_missing(run, winner.name):
        return "\n".join([*lines, f"no map of errors: {reason}"])
    file = folder / f"errors-{winner.name}.geojson"
    errors = write_error_map(run, winner.name, file)
    return "\n".join([*lines, f"{file}: {errors.summary}"])


def _pictures_arguments(parser: ArgumentParser) -> None:
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


def _report(options: Namespace) -> str:
    """Write the report of a sweep: one HTML page, report.html in its run directory, that holds
    its tables, charts, figures and pictures and needs no network. A sweep that is still running,
    or was interrupted, is reported as far as it has come; with --watch, the page is written again
    while it runs, and an open one loads itself again.
    """
    from analysis.report import watch, write_report

    folder = check_output(options.output or options.run, "--output")
    if options.watch:
        return watch(options.run, folder, options.watch)
    return str(write_report(load(options.run), folder))


def _report_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where report.html goes, if not into the run directory",
    )
    parser.add_argument(
        "--watch",
        type=_positive,
        metavar="SECONDS",
        help="write it again every so many seconds, until the sweep is finished",
    )


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


FIGURES = Command(
    "draw the figures of a sweep",
    (
        "figures results/landslide_backbones",
        "figures results/landslide_backbones --to paper/figures --format pdf svg",
    ),
    _figures_arguments,
    _figures,
)
PICTURES = Command(
    "draw predictions and their errors, and map them",
    (
        "pictures results/landcover_swin",
        "pictures results/landcover_swin --arms 2 --images 5 --to figures",
    ),
    _pictures_arguments,
    _pictures,
)
REPORT = Command(
    "one page that answers what the sweep asked",
    (
        "report results/landslide_backbones",
        "report /shared/results/landslide_backbones --output reports/landslide",
        "report results/landslide_backbones --watch 30",
    ),
    _report_arguments,
    _report,
)
