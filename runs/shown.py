"""The progress of a command, as a person sees it."""

import time
from collections.abc import Collection, Iterator
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

LINE_EVERY_S = 30.0
"""Without a terminal, how often a long loop says how far it has come."""

T = TypeVar("T")


class Shown:
    """A `runs.progress.Progress` on a console.

    On a terminal, a bar that the next piece of work replaces, and that is gone at the end of the
    `with` block; elsewhere, a plain line for each piece of work.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, what: str) -> None:
        """Show that work begins whose length is not known."""
        self._begin(what, None)

    def over(self, what: str, items: Collection[T]) -> Iterator[T]:
        """Give the items again, and show how many have been given."""
        self._begin(what, len(items))
        said = time.monotonic()
        for done, item in enumerate(items, 1):
            yield item
            self._bar.update(self._task, completed=done)
            if time.monotonic() - said > LINE_EVERY_S:
                said = time.monotonic()
                self._line(f"{what}: {done:,} of {len(items):,}")

    def _begin(self, what: str, total: int | None) -> None:
        self._bar.reset(
            self._task, description=what, total=total, completed=0, start=True, visible=True
        )
        self._line(what if total is None else f"{what}: {total:,}")

    def _line(self, text: str) -> None:
        if not self.console.is_terminal:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)
