"""The search: which trials are begun and which continue, in the order of a virtual clock.

Trials really end in an order that depends on the machine. If the search decided as they end, no
sweep would be repeatable. Here a simulated execution decides: on `search.parallel` virtual slots,
in which an epoch of an arm costs what was counted beforehand. The real execution follows it, on
however many slots there are, and its results are seen only when the clock gets there. So the
sampler and the halving see the same history on any number of slots, on any machine, and after any
interruption: results that are on record are not made again.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from runs.arms import Arm
from runs.errors import EosweepError
from runs.records import TrialRecord
from sweeps.clock import Clock
from sweeps.halving import Pool, Race, rungs_of
from sweeps.ledger import Ledger, best_by, reached
from sweeps.schema import Sweep
from sweeps.space import longest_training


class ReplayError(EosweepError):
    """A resumed search proposes other trials than those on record."""


class Segment(NamedTuple):
    """A stretch of a trial's training, up to the epoch at which it pauses or ends."""

    number: int
    until: int


class Proposes(Protocol):
    """What is tried, see `sweeps.proposals`."""

    planned: int

    def propose(self, number: int) -> TrialRecord | None:
        """Trial `number`, not begun; None if there is to be none, because its arm was stopped."""

    def learn(self, number: int, scores: Sequence[tuple[int, float]]) -> None:
        """The best score after each of further epochs: (epoch, score)."""

    def end(self, number: int, score: float | None, *, failed: bool = False) -> None:
        """Nothing more comes of a trial; `score` only of a finished one."""


class Search:
    """Takes a run's decisions, as far as results are known.

    Args:
        arms: those that are not skipped.
        costs: what an epoch of each costs on the clock.
        ledger: the run's records, from which results are read.

    Attributes:
        begun: what the clock has begun and nobody has taken yet, in order.
        over: nothing more will be begun.
    """

    def __init__(
        self,
        sweep: Sweep,
        arms: Sequence[Arm],
        costs: Mapping[Arm, int],
        proposals: Proposes,
        ledger: Ledger,
    ) -> None:
        self.sweep, self.costs, self.proposals, self.ledger = sweep, costs, proposals, ledger
        self.clock: Clock[Segment] = Clock(sweep.search.parallel)
        self.race = Race(sweep.scheduler, planned_by_pool(sweep, arms, proposals.planned))
        self.begun: deque[Segment] = deque()
        self.proposed = 0
        self.over = False
        self._longest = longest_training(sweep, arms)

    def advance(self) -> None:
        """Move the clock as far as results are known; what it begins is added to `begun`.

        Raises:
            ReplayError: the records are of other trials.
        """
        while not self.over:
            while self.clock.free and (segment := self._next()) is not None:
                start, _ = self.race.next_segment(segment.number)
                cost = self.costs[self.ledger.records[segment.number].arm]
                self.clock.begin(segment, (segment.until - start) * cost)
                if not self._known(segment):
                    self.begun.append(segment)
            if self.clock.first is None:
                self._end()
            elif self._known(self.clock.first):
                self._reveal(self.clock.advance())
            else:
                return

    def _next(self) -> Segment | None:
        """What a free slot does: resume a good trial, else begin a new one, else finish an arm."""
        number = self.race.promote()
        while number is None and self.proposed < self.proposals.planned:
            number = self._propose()
        if number is None and self.clock.first is None:
            number = self.race.promote(settled=True)
        if number is None:
            number = self.race.finish()
        return None if number is None else Segment(number, self.race.next_segment(number)[1])

    def _propose(self) -> int | None:
        record = self.proposals.propose(self.proposed)
        self.proposed += 1
        if record is None:
            return None
        known = self.ledger.records.get(record.number)
        if known is not None and known.config != record.config:
            raise ReplayError(
                f"trial {record.number} is on record as {known.config}, but the search now "
                f"proposes {record.config}: other versions or another processor made this run; "
                "resume it there, or start a new run"
            )
        self.ledger.open(record)
        epochs = record.config["epochs"]
        rungs = rungs_of(self.sweep.scheduler, epochs, self._longest)
        self.race.enter(record.number, record.arm, pool_of(self.sweep, record.arm), rungs)
        return record.number

    def _known(self, segment: Segment) -> bool:
        """Whether the trial has come so far, or will never."""
        record = self.ledger.records[segment.number]
        ended_before = record.status in ("stopped", "diverged", "failed")
        return ended_before or reached(record, segment.until)

    def _reveal(self, segment: Segment) -> None:
        """The clock is where a segment ends: what became of it is now seen."""
        number, until = segment
        record = self.ledger.records[number]
        start, _ = self.race.next_segment(number)
        scores = best_by(record, self.ledger.metric)
        self.proposals.learn(number, [one for one in scores if start < one[0] <= until])
        if reached(record, until):
            score = max((score for epoch, score in scores if epoch <= until), default=-1.0)
            self.race.reach(number, score)
            if until == record.config["epochs"]:
                self.proposals.end(number, score if scores else None)
            else:
                for beaten in self.race.beaten(number):
                    self.ledger.forget(beaten)
        elif record.status == "diverged":
            self.race.diverge(number)
            self.proposals.end(number, None)
        elif record.status == "stopped":
            self.race.withdraw(number)
            self.proposals.end(number, None)
        else:
            self.race.fail(number)
            self.proposals.end(number, None, failed=True)

    def _end(self) -> None:
        """Nothing is begun any more: what waits is out of the race."""
        self.over = True
        for number, record in self.ledger.records.items():
            if not record.ended:
                self.ledger.close(number, "pruned")
            if not self.race.ended(number):
                # Of an earlier run, with fewer trials, it may be finished.
                self.proposals.end(number, record.score if record.status == "done" else None)


def pool_of(sweep: Sweep, arm: Arm) -> Pool:
    """With equal allocation a trial is compared within its arm, else with all others."""
    return arm if sweep.allocation == "equal" else None


def planned_by_pool(sweep: Sweep, arms: Sequence[Arm], planned: int) -> dict[Pool, int]:
    """How many trials each pool will have."""
    pools = list(dict.fromkeys(pool_of(sweep, arm) for arm in arms))
    return dict.fromkeys(pools, planned // len(pools))
