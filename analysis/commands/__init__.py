"""The subcommands of `python -m analysis`, one line each."""

from analysis.commands.command import Command
from analysis.commands.drawings import FIGURES, PICTURES, REPORT
from analysis.commands.tables import CLASSES, COMPARE, FACTOR, RANK, SPACENET_SCORE, TABLE

COMMANDS: dict[str, Command] = {
    "rank": RANK,
    "compare": COMPARE,
    "table": TABLE,
    "classes": CLASSES,
    "factor": FACTOR,
    "figures": FIGURES,
    "pictures": PICTURES,
    "report": REPORT,
    "spacenet-score": SPACENET_SCORE,
}
