"""What a subcommand is, and the arguments that several of them take."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.loading import AnalysisError
from analysis.tables.formats import FORMATS
from runs.files import is_writable


@dataclass(frozen=True)
class Command:
    """A subcommand of `python -m analysis`.

    Attributes:
        summary: a few words for the list of commands.
        examples: arguments of the program, shown below the options.
        add_arguments: declares its own arguments.
        answer: gives what is printed; raises `EosweepError` for a request that cannot be met. Its
            docstring is what `--help` says.
    """

    summary: str
    examples: tuple[str, ...]
    add_arguments: Callable[[ArgumentParser], None]
    answer: Callable[[Namespace], str]


def add_run(parser: ArgumentParser) -> None:
    """`run`: one run directory, as a path."""
    parser.add_argument(
        "run", type=Path, help="a run directory, such as results/landslide_backbones"
    )


def add_runs(parser: ArgumentParser) -> None:
    """`runs`: one run directory or several, as paths."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="run", help="a run directory")


def check_output(folder: Path, option: str) -> Path:
    """`folder`, into which a command writes; `option` names another one.

    Raises:
        AnalysisError: it is read-only.
    """
    if not is_writable(folder):
        raise AnalysisError(f"{folder} is read-only: name another folder with {option} FOLDER")
    return folder


def add_sort(parser: ArgumentParser) -> None:
    """`--sort`: what rows are ranked by."""
    parser.add_argument(
        "--sort",
        metavar="METRIC",
        help="rank by another metric of the run (by default the one that the sweep selects by)",
    )


def add_format(parser: ArgumentParser) -> None:
    """`--format` of what a command prints as a table."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text for the terminal (default); markdown; csv, the table alone with every "
        "digit; latex, for the booktabs package",
    )
