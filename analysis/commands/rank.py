"""Rank the arms of a sweep (the combinations it compares, such as a backbone and its
pretraining) by the best validation score that any trial of the arm reached, or by the
mean over its repeats, and say which arms cannot be told apart from the first. Only
files are read: no Ray, no GPU, and a sweep that is still running may be looked at.
"""

import sys
from argparse import ArgumentParser, Namespace

from analysis.commands.arguments import add_format, add_run, add_sort
from analysis.runs import load
from analysis.summary import show_ranking

SUMMARY = "which arm of a sweep is best"
EXAMPLES = (
    "rank results/landslide_backbones",
    "rank results/landslide_backbones --trials --sort AP75",
    "rank results/landslide_backbones --format latex > table.tex",
)


def add_arguments(parser: ArgumentParser) -> None:
    """The run, what its rows are, and what orders them."""
    add_run(parser)
    parser.add_argument(
        "--trials",
        action="store_true",
        help="a row a trial, with its hyperparameters, instead of a row an arm",
    )
    add_sort(parser)
    add_format(parser)


def answer(options: Namespace) -> str:
    """The ranking."""
    return show_ranking(
        load(options.run),
        metric=options.sort,
        trials=options.trials,
        format=options.format,
        styled=sys.stdout.isatty(),
    )
