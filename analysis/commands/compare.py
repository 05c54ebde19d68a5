"""Rank the arms of several sweeps together, and say which cannot be told apart from the
first. The sweeps must be on the same data; they are paired over the same test images.
"""

import sys
from argparse import ArgumentParser, Namespace

from analysis.commands.arguments import add_format, add_runs, add_sort
from analysis.runs import AnalysisError, load
from analysis.summary import show_comparison

SUMMARY = "which arm of several sweeps is best"
EXAMPLES = ("compare results/landslide_backbones results/landslide_more --format markdown",)


def add_arguments(parser: ArgumentParser) -> None:
    """The runs, and what orders their arms."""
    add_runs(parser)
    add_sort(parser)
    add_format(parser)


def answer(options: Namespace) -> str:
    """The ranking of all arms."""
    if len(options.runs) < 2:
        raise AnalysisError("compare takes several run directories; for one, there is rank.")
    return show_comparison(
        [load(run) for run in options.runs],
        metric=options.sort,
        format=options.format,
        styled=sys.stdout.isatty(),
    )
