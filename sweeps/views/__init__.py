"""The views of a run: live in a terminal, elsewhere one plain line for each event."""

from rich.console import Console

from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.view import View
from sweeps.views.lines import Lines
from sweeps.views.screen import Screen

__all__ = ["Lines", "Screen", "view_for"]


def view_for(plan: Plan, ledgers: tuple[Ledger, Ledger], console: Console) -> Lines | Screen:
    """The live view in a terminal, lines anywhere else; `ledgers`: of trials, and of repeats."""
    view: Lines | Screen = (
        Screen(plan, *ledgers, console) if console.is_terminal else Lines(plan, ledgers, console)
    )
    _: View = view
    return view
