"""Score building footprints by the SpaceNet metric, from two solution files of the
challenges: columns ImageId, BuildingId, PolygonWKT_Pix, and Confidence of proposals.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from analysis.commands.arguments import add_format

SUMMARY = "score building footprints in two CSV files"
EXAMPLES = ("spacenet-score AOI_5_Khartoum_Train_Building_Solutions.csv mine.csv",)


def add_arguments(parser: ArgumentParser) -> None:
    """The two files."""
    parser.add_argument("truth", type=Path, help="the true footprints, CSV")
    parser.add_argument("proposals", type=Path, help="the proposed footprints, CSV")
    add_format(parser)


def answer(options: Namespace) -> str:
    """The score of each area, and of all."""
    from analysis.spacenet import show_solutions

    return show_solutions(
        options.truth, options.proposals, format=options.format, styled=sys.stdout.isatty()
    )
