"""Draw the figures of a run: arms with intervals, best score after n trials, quality against
cost, effects of the factors, hyperparameters that mattered, learning curves, mistakes of the
best arm, and what ran when. What does not apply to a run is left out, and why is said.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from analysis.commands.arguments import add_run
from analysis.runs import load

SUMMARY = "draw what there is to be seen of a sweep"
EXAMPLES = (
    "figures results/landslide_backbones",
    "figures results/landslide_backbones --to paper/figures --format pdf svg",
)


def add_arguments(parser: ArgumentParser) -> None:
    """The run, and where its figures go."""
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


def answer(options: Namespace) -> str:
    """A paragraph a figure: its files, what it shows, or why it is not there."""
    # matplotlib, which takes a second to load
    from analysis.figures import sketch_figures, write_figure

    sketches, left_out = sketch_figures(load(options.run))
    folder = options.to or options.run / "figures"
    drawn = [write_figure(name, one, folder, options.format) for name, one in sketches.items()]
    paragraphs = [f"{', '.join(map(str, one.files))}\n  {one.caption}" for one in drawn]
    return "\n".join(paragraphs + [f"{name} left out: {why}" for name, why in left_out.items()])
