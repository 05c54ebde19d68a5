"""Write the report of a sweep: one HTML page, report.html in its run directory, that holds
its tables, figures and pictures and needs no network. A sweep that is still running, or was
cut short, is reported as far as it has come.
"""

from argparse import ArgumentParser, Namespace

from analysis.commands.arguments import add_run
from analysis.runs import load

SUMMARY = "one page that answers what the sweep asked"
EXAMPLES = ("report results/landslide_backbones",)


def add_arguments(parser: ArgumentParser) -> None:
    """The run."""
    add_run(parser)


def answer(options: Namespace) -> str:
    """Where the report lies."""
    from analysis.report import write_report

    return str(write_report(load(options.run)))
