"""``python -m analysis``: what a sweep found, from the files of its run directory."""

import argparse
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from analysis import AnalysisError, load, show_classes, show_ranking
from analysis.formats import FORMATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status: 0, or 2 for a request that cannot be met."""
    options = _parser().parse_args(arguments)
    try:
        answer = options.answer(options)
    except AnalysisError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(answer, flush=True)
    except BrokenPipeError:
        # `head` has seen enough; Python must not find the pipe closed once more when it leaves.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m analysis",
        description="What a sweep found, from the files of its run directory alone.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary, add in (
        ("rank", "which arm of a sweep is best", _add_rank),
        ("classes", "how well the best trials do on single classes", _add_classes),
        ("spacenet-score", "score building footprints in two CSV files", _add_spacenet_score),
    ):
        command = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add(command)
        command.add_argument(
            "--format",
            choices=FORMATS,
            default="text",
            help="text for the terminal (default); markdown; csv, the table alone with every "
            "digit; latex, for the booktabs package",
        )
    return parser


def _add_rank(parser: ArgumentParser) -> None:
    parser.description = """\
Rank the arms of a sweep (the combinations it compares, such as a backbone and its
pretraining) by the best validation score that any trial of the arm reached. Only
files are read: no Ray, no GPU, and a sweep that is still running may be looked at."""
    parser.epilog = """examples:
  python -m analysis rank results/landslide_backbones
  python -m analysis rank results/landslide_backbones --trials --sort AP75
  python -m analysis rank results/landslide_backbones --format latex > table.tex"""
    _add_run(parser)
    parser.add_argument(
        "--trials",
        action="store_true",
        help="a row a trial, with its hyperparameters, instead of a row an arm",
    )
    parser.add_argument(
        "--sort",
        metavar="METRIC",
        help="rank by another metric of the run (by default the one the sweep selects by)",
    )
    parser.set_defaults(answer=_rank)


def _rank(options: Namespace) -> str:
    return show_ranking(
        load(options.run),
        metric=options.sort,
        trials=options.trials,
        format=options.format,
        styled=sys.stdout.isatty(),
    )


def _add_classes(parser: ArgumentParser) -> None:
    parser.description = """\
The metrics of single classes (such as IoU/water), on validation and on test, of each
arm's best trial at its best epoch, both by the metric the sweep selects by."""
    parser.epilog = """examples:
  python -m analysis classes results/landcover_swin
  python -m analysis classes results/landcover_swin --trial 003-swin-none"""
    _add_run(parser)
    parser.add_argument("--trial", metavar="NAME", help="this trial, instead of each arm's best")
    parser.set_defaults(answer=_classes)


def _classes(options: Namespace) -> str:
    return show_classes(
        load(options.run), trial=options.trial, format=options.format, styled=sys.stdout.isatty()
    )


def _add_spacenet_score(parser: ArgumentParser) -> None:
    parser.description = """\
Score building footprints by the SpaceNet metric, from two solution files of the
challenges: columns ImageId, BuildingId, PolygonWKT_Pix, and Confidence of proposals."""
    parser.epilog = """example:
  python -m analysis spacenet-score AOI_5_Khartoum_Train_Building_Solutions.csv mine.csv"""
    parser.add_argument("truth", type=Path, help="the true footprints, CSV")
    parser.add_argument("proposals", type=Path, help="the proposed footprints, CSV")
    parser.set_defaults(answer=_spacenet_score)


def _spacenet_score(options: Namespace) -> str:
    from analysis.spacenet import show_solutions  # geometry, which the other commands do not need

    return show_solutions(
        options.truth, options.proposals, format=options.format, styled=sys.stdout.isatty()
    )


def _add_run(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run", type=Path, help="a run directory, such as results/landslide_backbones"
    )


if __name__ == "__main__":
    sys.exit(main())
