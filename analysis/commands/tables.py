"""The subcommands that print a table."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from analysis.commands.command import Command, add_format, add_run, add_runs, add_sort
from analysis.loading import AnalysisError, load
from analysis.tables.classes import show_classes
from analysis.tables.ranking import show_comparison, show_paper_table, show_ranking
from analysis.tables.references import read_references
from analysis.tables.spacenet import show_solutions


def _rank(options: Namespace) -> str:
    """Rank the arms of a sweep (the combinations it compares, such as a backbone and its
    pretraining) by the best validation score of its trials that were trained to their end,
    or by the mean over its repeats, and say which arms cannot be distinguished from the
    first, and which dropped out before the end. Only files are read: no Ray, no GPU, and a
    sweep that is still running can be ranked, too.
    """
    return show_ranking(
        load(options.run),
        metric=options.sort,
        trials=options.trials,
        format=options.format,
        styled=sys.stdout.isatty(),
    )


def _rank_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument(
        "--trials",
        action="store_true",
        help="a row a trial, with its hyperparameters, instead of a row an arm",
    )
    add_sort(parser)
    add_format(parser)


def _compare(options: Namespace) -> str:
    """Rank the arms of several sweeps together, and say which cannot be distinguished from the
    first. They may have learned from other bands, sizes or training images, but must be scored on
    the same test images, over which they are paired.
    With --html, a page over all of them is written, like the report of one.
    """
    if len(options.runs) < 2:
        raise AnalysisError("compare takes several run directories; for one, use rank")
    runs = [load(run) for run in options.runs]
    if options.html:
        # matplotlib and jinja2 are imported for the page alone, so that tables are quick.
        from analysis.report import write_comparison

        return str(write_comparison(runs, options.html, options.sort))
    return show_comparison(
        runs,
        metric=options.sort,
        format=options.format,
        styled=sys.stdout.isatty(),
    )


def _compare_arguments(parser: ArgumentParser) -> None:
    add_runs(parser)
    add_sort(parser)
    add_format(parser)
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with charts, instead of the table"
    )


def _table(options: Namespace) -> str:
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
    runs = [load(run) for run in options.runs]
    factors = list(dict.fromkeys(factor for run in runs for factor in run.record.factors))
    file = options.references
    return show_paper_table(
        runs,
        metric=options.sort,
        references=[read_references(file, factors)] if file else [],
        format=options.format,
        styled=sys.stdout.isatty(),
    )


def _table_arguments(parser: ArgumentParser) -> None:
    add_runs(parser)
    add_sort(parser)
    parser.add_argument(
        "--references", metavar="FILE", type=Path, help="published scores, YAML (see above)"
    )
    add_format(parser)


def _classes(options: Namespace) -> str:
    """The metrics of single classes (such as IoU/water), on validation and on test, of each
    arm's best trial at its best epoch, both by the metric that the sweep selects by.
    """
    return show_classes(
        load(options.run), trial=options.trial, format=options.format, styled=sys.stdout.isatty()
    )


def _classes_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("--trial", metavar="NAME", help="this trial, instead of each arm's best")
    add_format(parser)


def _factor(options: Namespace) -> str:
    """What one factor brought on test, all others being equal: bands, augment and stretch, what
    each choice adds to the first one; train_fraction, how the score grows with labels; image_size,
    whether a higher resolution is worth its cost; frozen, whether the frozen probe predicted
    fine-tuning. With intervals over the test images.
    """
    # scipy.stats is imported for this alone, so that the other tables are quick.
    from analysis.tables.factors import show_factor

    return show_factor(
        load(options.run), options.factor, format=options.format, styled=sys.stdout.isatty()
    )


def _factor_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("factor", help="a factor of the run, such as bands")
    add_format(parser)


def _spacenet_score(options: Namespace) -> str:
    """Score building footprints by the SpaceNet metric, from two solution files of the
    challenges: columns ImageId, BuildingId, PolygonWKT_Pix, and Confidence of proposals.
    """
    return show_solutions(
        options.truth, options.proposals, format=options.format, styled=sys.stdout.isatty()
    )


def _spacenet_score_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("truth", type=Path, help="the true footprints, CSV")
    parser.add_argument("proposals", type=Path, help="the proposed footprints, CSV")
    add_format(parser)


RANK = Command(
    "which arm of a sweep is best",
    (
        "rank results/landslide_backbones",
        "rank results/landslide_backbones --trials --sort AP75",
        "rank results/landslide_backbones --format latex > table.tex",
    ),
    _rank_arguments,
    _rank,
)
COMPARE = Command(
    "which arm of several sweeps is best",
    (
        "compare results/landslide_backbones results/landslide_more --format markdown",
        "compare results/landslide_backbones results/landslide_more --html both.html",
    ),
    _compare_arguments,
    _compare,
)
TABLE = Command(
    "the table for a paper, with published scores beside ours",
    (
        "table results/landslide_backbones --format latex > table.tex",
        "table results/landslide_backbones --references published.yaml",
    ),
    _table_arguments,
    _table,
)
CLASSES = Command(
    "how well the best trials do on single classes",
    (
        "classes results/landcover_swin",
        "classes results/landcover_swin --trial 003-swin-none",
    ),
    _classes_arguments,
    _classes,
)
FACTOR = Command(
    "what bands, labels, resolution or fine-tuning brought",
    (
        "factor results/foundation_models bands",
        "factor results/foundation_models train_fraction --format latex",
    ),
    _factor_arguments,
    _factor,
)
SPACENET_SCORE = Command(
    "score building footprints in two CSV files",
    ("spacenet-score AOI_5_Khartoum_Train_Building_Solutions.csv mine.csv",),
    _spacenet_score_arguments,
    _spacenet_score,
)
