"""The metrics of single classes (such as IoU/water), on validation and on test, of each
arm's best trial at its best epoch, both by the metric the sweep selects by.
"""

import sys
from argparse import ArgumentParser, Namespace

from analysis.classes import show_classes
from analysis.commands.arguments import add_format, add_run
from analysis.runs import load

SUMMARY = "how well the best trials do on single classes"
EXAMPLES = (
    "classes results/landcover_swin",
    "classes results/landcover_swin --trial 003-swin-none",
)


def add_arguments(parser: ArgumentParser) -> None:
    """The run, and one trial of it."""
    add_run(parser)
    parser.add_argument("--trial", metavar="NAME", help="this trial, instead of each arm's best")
    add_format(parser)


def answer(options: Namespace) -> str:
    """The table of classes."""
    return show_classes(
        load(options.run), trial=options.trial, format=options.format, styled=sys.stdout.isatty()
    )
