"""What a command says around a run: what it resumes, where to watch, how to continue."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from runs.directory import RunDirectory
from sweeps.commands import from_here, program, resuming_command
from sweeps.ledger import Ledger
from sweeps.plan import Plan

if TYPE_CHECKING:
    from sweeps.cluster import Session


def show_what_is_resumed(
    directory: RunDirectory, overrides: Sequence[str], changed: Sequence[str], console: Console
) -> None:
    """Print which run is resumed, with which overrides, and what changes."""
    given = f" with {shlex.join(overrides)}" if overrides else ""
    lines = [f"resuming {from_here(directory.path)}{given}"]
    lines += [f"changed since its last command: {line}" for line in changed]
    _print(lines, console)


def show_where_to_look(session: "Session", directory: RunDirectory, console: Console) -> None:
    """Print where the run can be watched."""
    lines = [
        f"TensorBoard    {program('tensorboard', '--logdir', from_here(directory.path))}",
        f"Optuna         {program('optuna-dashboard', from_here(directory.study_file))}",
    ]
    if session.dashboard:
        token = f"it asks for the token that `{program('ray', 'get-auth-token')}` prints"
        lines.insert(0, f"Ray dashboard  http://{session.dashboard}  ({token})")
    if session.moved:
        lines.append(f"Ray's files    {session.moved}  (TMPDIR is too long for Ray's sockets)")
    _print(lines, console)


def show_how_to_resume(plan: Plan, ledgers: Iterable[Ledger], why: str) -> None:
    """Say how much of an unfinished run is kept, and print the command that continues it."""
    records = [record for ledger in ledgers for record in ledger.records.values()]
    begun = sum(bool(record.epochs) for record in records)
    ended = sum(record.ended for record in records)
    print(
        f"{why}: of {plan.trainings} trials {begun} have begun and {ended} have ended, and all is "
        "kept. To continue:\n"
        f"  {resuming_command()}",
        file=sys.stderr,
    )


def _print(lines: Sequence[str], console: Console) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
