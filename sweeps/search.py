"""The search: which trials are begun and which continue, in the order of a virtual clock.

Trials really end in an order that depends on the machine. If the search decided as they end, no
sweep would be repeatable. Here a simulated execution decides: on `search.parallel` virtual slots,
in which an epoch of an arm costs what was counted beforehand. The real execution follows it, on
however many slots there are, and its results are seen only when the clock gets there. So the
sampler and the halving see the same history on any number of slots, on any machine, and after any
interruption: results that are on record are not made again.

A trial that has failed, and that `--retry-failed` tries again, was taken for a failure when others
were proposed and promoted. A resumed search that took it for anything else would propose others.
So the failure stays where it was on the clock, and the trial rejoins when all others have come to
rest: then it is compared with them at its rungs, as any trial is. The sampler never learns of it.

Decisions depend on the number of trials that are planned (`sweeps.halving`). A resumed run may have
more of them. What it was started with is on record with each trial, and holds up to the last one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from runs.arms import Arm
from runs.errors import EosweepError
from runs.records import TrialRecord
from sweeps.clock import Clock
from sweeps.halving import Pool, Race, rungs_of
from sweeps.ledger import Ledger, best_by, reached, seen
from sweeps.schema import Sweep
from sweeps.space import longest_training, same_config


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
        retry_failed: trials that have failed are tried again.
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
        *,
        retry_failed: bool = False,
    ) -> None:
        self.sweep, self.arms, self.costs = sweep, arms, costs
        self.proposals, self.ledger = proposals, ledger
        self._budgets = deque(
            (number, record.planned)
            for number, record in sorted(ledger.records.items())
            if record.planned is not None
        )
        self.clock: Clock[Segment] = Clock(sweep.search.parallel)
        self.race = Race(sweep.scheduler, self._planned(0))
        self.begun: deque[Segment] = deque()
        self.proposed = 0
        self.over = False
        self._longest = longest_training(sweep, arms)
        self._retry_failed = retry_failed
        self._rejoined: set[int] = set()
        self._rejoining: deque[int] = deque()

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
                self._take_back()
                if not self._rejoining:
                    self._end()
            elif self._known(self.clock.first):
                self._reveal(self.clock.advance())
            else:
                return

    def _next(self) -> Segment | None:
        """What a free slot does: resume a good trial, else begin a new one, else finish an arm."""
        number = self._rejoining.popleft() if self._rejoining else self.race.promote()
        while number is None and self.proposed < self.proposals.planned:
            number = self._propose()
        if number is None and self.clock.first is None:
            number = self.race.promote(settled=True)
        if number is None:
            number = self.race.finish()
        return None if number is None else Segment(number, self.race.next_segment(number)[1])

    def _planned(self, number: int) -> dict[Pool, int]:
        """How many trials each pool was to have when trial `number` was proposed, or is to have."""
        while self._budgets and self._budgets[0][0] < number:
            self._budgets.popleft()
        planned = self._budgets[0][1] if self._budgets else self.proposals.planned
        return planned_by_pool(self.sweep, self.arms, planned)

    def _propose(self) -> int | None:
        record = self.proposals.propose(self.proposed)
        self.proposed += 1
        self.race.planned = self._planned(self.proposed)
        if record is None:
            return None
        known = self.ledger.records.get(record.number)
        if known is not None and not same_config(known.config, record.config):
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
        record = self._seen(segment.number)
        ended_before = record.status in ("stopped", "diverged", "failed")
        return ended_before or reached(record, segment.until)

    def _seen(self, number: int) -> TrialRecord:
        """The record as the search takes it: a trial that has not rejoined yet has failed, and one
        that is trained again has come as far as before.
        """
        record = self.ledger.records[number]
        if record.failed_with is not None and number not in self._rejoined:
            return record.model_copy(update={"status": "failed", "epochs": record.failed_with})
        if record.seen is not None:
            return record.model_copy(update={"epochs": seen(record)})
        return record

    def _take_back(self) -> None:
        """Let the failed trials that are tried again rejoin, once."""
        for number, record in sorted(self.ledger.records.items()):
            if number in self._rejoined:
                continue
            if self._retry_failed and record.status == "failed":
                self.ledger.reopen(number)
            if record.failed_with is None:
                continue
            if self.race.ended(number):
                self.race.rejoin(number)
                self._rejoined.add(number)
            else:  # among more trials it waits at a rung that it had left before it failed
                self.race.resume(number)
            self._rejoining.append(number)

    def _reveal(self, segment: Segment) -> None:
        """The clock is where a segment ends: what became of it is now seen."""
        number, until = segment
        record = self._seen(number)
        start, _ = self.race.next_segment(number)
        scores = best_by(record, self.ledger.metric)
        if number not in self._rejoined:
            self.proposals.learn(number, [one for one in scores if start < one[0] <= until])
        if reached(record, until):
            score = max((score for epoch, score in scores if epoch <= until), default=-1.0)
            self.race.reach(number, score)
            if until == record.config["epochs"]:
                self._conclude(number, score if scores else None)
            else:
                for beaten in self.race.beaten(number):
                    self.ledger.forget(beaten)
        elif record.status == "diverged":
            self.race.diverge(number)
            self._conclude(number, None)
        elif record.status == "stopped":
            self.race.withdraw(number)
            self._conclude(number, None)
        else:
            self.race.fail(number)
            self._conclude(number, None, failed=True)

    def _conclude(self, number: int, score: float | None, *, failed: bool = False) -> None:
        """Tell the study the end of a trial; of one that has rejoined it was told before."""
        if number not in self._rejoined:
            self.proposals.end(number, score, failed=failed)

    def _end(self) -> None:
        """Nothing is begun any more: what waits is out of the race."""
        self.over = True
        for number, record in self.ledger.records.items():
            if not record.ended:
                self.ledger.close(number, "pruned")
            if not self.race.ended(number):
                # Of an earlier run, with fewer trials, it may be finished.
                self._conclude(number, record.score if record.status == "done" else None)


def pool_of(sweep: Sweep, arm: Arm) -> Pool:
    """With equal allocation a trial is compared within its arm, else with all others."""
    return arm if sweep.allocation == "equal" else None


def planned_by_pool(sweep: Sweep, arms: Sequence[Arm], planned: int) -> dict[Pool, int]:
    """How many trials each pool will have."""
    pools = list(dict.fromkeys(pool_of(sweep, arm) for arm in arms))
    return dict.fromkeys(pools, planned // len(pools))
