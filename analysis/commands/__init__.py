"""The subcommands of ``python -m analysis``: one file each, and one line here.

What a command needs beyond pandas (matplotlib, jinja2, scipy, geometry) it imports when it answers,
so that the others start fast.
"""

from argparse import ArgumentParser, Namespace
from typing import Protocol

from analysis.commands import (
    classes,
    compare,
    figures,
    pictures,
    rank,
    report,
    spacenet_score,
    table,
)


class Command(Protocol):
    """A module that holds one subcommand; its docstring is what ``--help`` says."""

    @property
    def SUMMARY(self) -> str:  # noqa: N802 - a module's constant
        """A few words for the list of commands."""

    @property
    def EXAMPLES(self) -> tuple[str, ...]:  # noqa: N802
        """Arguments of the program, shown below the options."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's own arguments."""

    def answer(self, options: Namespace) -> str:
        """What is printed; raises ``AnalysisError`` for a request that cannot be met."""


COMMANDS: dict[str, Command] = {
    "rank": rank,
    "compare": compare,
    "table": table,
    "classes": classes,
    "figures": figures,
    "pictures": pictures,
    "report": report,
    "spacenet-score": spacenet_score,
}
