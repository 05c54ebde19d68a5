"""Which jobs are tried again, and when a sweep stops because nothing works any more."""

import math
from collections import Counter, defaultdict

from sweeps.failures import Failure

IN_A_ROW = 3
"""So many failures of one cause to read or write, with no progress between them, stop the sweep."""


class Retries:
    """Judges failures of jobs, by name.

    What a job raises itself, it would raise again: it has failed. A job whose worker was lost, or
    that could not read or write a file, is tried again from its checkpoint. Of jobs that ran out of
    a GPU's memory, `sweeps.out_of_memory` judges.

    Args:
        limit: how often a job is tried again without having come further in between.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._failures: Counter[str] = Counter()
        self._furthest: defaultdict[str, float] = defaultdict(lambda: -math.inf)
        self._row: list[str] = []

    def progress(self, name: str, epoch: float) -> None:
        """A job has done an epoch. Only one that it had not done before is progress of its own."""
        self._row.clear()
        if epoch > self._furthest[name]:
            self._furthest[name] = epoch
            del self._failures[name]

    def again(self, name: str, failure: Failure) -> bool:
        """Whether a job that has failed so is tried again."""
        if failure.kind in ("raised", "memory"):
            return False
        self._failures[name] += 1
        within = self._failures[name] <= self.limit
        if failure.kind == "lost":
            return within
        if failure.cause not in self._row:
            self._row.clear()
        self._row.append(failure.cause)
        # If all fail alike, it is no fault of this one.
        return within or len(self._row) > 1

    def failed(self, name: str) -> int:
        """How often in a row a job has failed, without having come further in between."""
        return self._failures[name]

    @property
    def hopeless(self) -> bool:
        """Whether the next job would fail as the last ones did."""
        return len(self._row) >= IN_A_ROW
