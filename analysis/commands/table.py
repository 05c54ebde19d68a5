"""The table for a paper: each arm's score on test, its deviation over seeds, its interval
over test images, which arms share the first place, how many trials, and what they cost.
Of several sweeps, one table, as compare makes it.

Published scores can be put below ours, marked as such. --references takes a YAML file:

  source: Doe et al. 2023, table 2        # where the scores are from
  note: Chosen and scored on one split.   # what a reader must know; may be left out
  rows:                                   # an arm: factors of the sweep, any of them
    - arm: {backbone: resnet50, pretraining: imagenet}
      scores: {AP50: 0.412, AP: 0.185}    # as shares, not in percent
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from analysis.commands.arguments import add_format, add_runs, add_sort
from analysis.references import read_references
from analysis.runs import load
from analysis.summary import show_paper_table

SUMMARY = "the table for a paper, with published scores beside ours"
EXAMPLES = (
    "table results/landslide_backbones --format latex > table.tex",
    "table results/landslide_backbones --references published.yaml",
)


def add_arguments(parser: ArgumentParser) -> None:
    """The runs, what orders their arms, and what was published."""
    add_runs(parser)
    add_sort(parser)
    parser.add_argument(
        "--references", metavar="FILE", type=Path, help="published scores, YAML (see above)"
    )
    add_format(parser)


def answer(options: Namespace) -> str:
    """The table."""
    runs = [load(run) for run in options.runs]
    factors = list(dict.fromkeys(factor for run in runs for factor in run.info["factors"]))
    file = options.references
    return show_paper_table(
        runs,
        metric=options.sort,
        references=[read_references(file, factors)] if file else [],
        format=options.format,
        styled=sys.stdout.isatty(),
    )
