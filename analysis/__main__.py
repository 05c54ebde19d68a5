"""``python -m analysis``: what a sweep found, from the files of its run directory."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis import AnalysisError, load, show_ranking
from analysis.formats import FORMATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status: 0, or 2 for a request that cannot be met."""
    options = _parser().parse_args(arguments)
    try:
        ranking = show_ranking(
            load(options.run),
            metric=options.sort,
            trials=options.trials,
            format=options.format,
            styled=sys.stdout.isatty(),
        )
    except AnalysisError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(ranking, flush=True)
    except BrokenPipeError:
        # `head` has seen enough; Python must not find the pipe closed once more when it leaves.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="What a sweep found, from the files of its run directory alone.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rank = commands.add_parser(
        "rank",
        help="which arm of a sweep is best",
        description="""\
Rank the arms of a sweep (the combinations it compares, such as a backbone and its
pretraining) by the best validation score that any trial of the arm reached. Only
files are read: no Ray, no GPU, and a sweep that is still running may be looked at.""",
        epilog="""examples:
  python -m analysis rank results/landslide_backbones
  python -m analysis rank results/landslide_backbones --trials --sort AP75
  python -m analysis rank results/landslide_backbones --format latex > table.tex""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rank.add_argument("run", type=Path, help="a run directory, such as results/landslide_backbones")
    rank.add_argument(
        "--trials",
        action="store_true",
        help="a row a trial, with its hyperparameters, instead of a row an arm",
    )
    rank.add_argument(
        "--sort",
        metavar="METRIC",
        help="rank by another metric of the run (by default the one the sweep selects by)",
    )
    rank.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text for the terminal (default); markdown; csv, the table alone with every digit; "
        "latex, for the booktabs package with the best score in bold",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
