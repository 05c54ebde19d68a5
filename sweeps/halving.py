"""Which trials continue: successive halving, asynchronous, with pause and resume.

Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA): a trial is trained
from rung to rung, and waits between them. Of those that have reached a rung, the best 1/factor
continue, as soon as they are known to be the best. The others wait: they continue when later ones
turn out to be worse.

One thing is not as in the paper. There, the best of the first few to come to a rung continue at
once. Where fast arms are poor ones these come first, and then nearly all continue. Here nobody
continues from a rung before `QUORUM` of those that are expected there have come
(`benchmarks/README.md`).
"""

import bisect
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from runs.arms import Arm
from sweeps.schema import Scheduler

QUORUM = 0.5
"""Share of those expected at a rung that must have come before anybody continues from it."""

Pool = Hashable
"""Trials of one pool are compared with each other."""


def rungs_of(rule: Scheduler, epochs: int, longest: int) -> tuple[int, ...]:
    """The epochs after which a training of `epochs` pauses, the last of them its end.

    Rungs are shares of a training, so that arms of different lengths can be compared: they are at
    grace, grace·factor, grace·factor², … of the `longest` epochs that any arm is trained. Of a
    short training, several rungs may be at one epoch.
    """
    if rule.name == "none" or epochs == 0:
        return (epochs,)
    marks = []
    mark = rule.grace_epochs
    while mark < longest:
        marks.append(-(-mark * epochs // longest))
        mark *= rule.factor
    return (*marks, epochs)


@dataclass
class _Rung:
    """Those that reached it: how many, the order of those that may continue, and who continued."""

    count: int = 0
    order: list[tuple[float, int]] = field(default_factory=list)  # of (-score, number)
    promoted: set[int] = field(default_factory=set)


@dataclass
class _Entrant:
    arm: Arm
    pool: Pool
    rungs: tuple[int, ...]
    passed: int = 0
    """How many of `rungs` it has reached."""
    score: float = -1.0
    running: bool = False
    out: bool = False
    """It was stopped, has diverged or failed."""

    @property
    def finished(self) -> bool:
        return self.passed == len(self.rungs)


class Race:
    """The trials that have been proposed, and how far each has come.

    What it decides follows from the order of the calls alone.

    Args:
        rule: the factor, and how many trials of every arm are trained to their end.
        planned: how many trials each pool will have.
    """

    def __init__(self, rule: Scheduler, planned: dict[Pool, int]) -> None:
        self.rule, self.planned = rule, planned
        self._entrants: dict[int, _Entrant] = {}
        self._rungs: dict[Pool, dict[int, _Rung]] = {pool: defaultdict(_Rung) for pool in planned}
        self._of_goal: dict[Hashable, list[int]] = defaultdict(list)

    def enter(self, number: int, arm: Arm, pool: Pool, rungs: tuple[int, ...]) -> None:
        """A trial starts; it pauses at each of `rungs`, see `rungs_of`."""
        self._entrants[number] = _Entrant(arm, pool, rungs, running=True)
        self._of_goal[self._goal_of(self._entrants[number])].append(number)

    def next_segment(self, number: int) -> tuple[int, int]:
        """The epoch that a trial has reached, and the one of its next rung."""
        entrant = self._entrants[number]
        start = entrant.rungs[entrant.passed - 1] if entrant.passed else 0
        return start, entrant.rungs[entrant.passed]

    def reach(self, number: int, score: float) -> None:
        """A trial has come to its next rung; `score` is its best so far, higher is better."""
        entrant = self._entrants[number]
        entrant.running, entrant.score = False, score
        entrant.passed += 1
        if not entrant.finished:
            rung = self._rungs[entrant.pool][entrant.passed]
            rung.count += 1
            bisect.insort(rung.order, (-score, number))

    def diverge(self, number: int) -> None:
        """A trial has diverged before its next rung: it counts there as the worst."""
        self.fail(number)
        entrant = self._entrants[number]
        if entrant.passed + 1 < len(entrant.rungs):
            self._rungs[entrant.pool][entrant.passed + 1].count += 1

    def fail(self, number: int) -> None:
        """A trial has failed before its next rung: it does not count, because that is chance."""
        entrant = self._entrants[number]
        entrant.running, entrant.out = False, True

    def withdraw(self, number: int) -> None:
        """A trial was stopped before its next rung: where it was promoted, others can be."""
        self.fail(number)
        for rung in self._rungs[self._entrants[number].pool].values():
            rung.order = [one for one in rung.order if one[1] != number]

    def ended(self, number: int) -> bool:
        """Whether a trial is finished, or was stopped, has diverged or failed."""
        return self._entrants[number].finished or self._entrants[number].out

    def promote(self, *, settled: bool = False) -> int | None:
        """The trial that continues now; None if there is none. Upper rungs are first.

        Args:
            settled: nothing runs, and nothing more is proposed: no rung waits for others.
        """
        found = []
        for pool, rungs in self._rungs.items():
            for passed, rung in rungs.items():
                expected = self.planned[pool] // self.rule.factor ** (passed - 1)
                if not settled and rung.count < QUORUM * expected:
                    continue
                best = rung.order[: rung.count // self.rule.factor]
                ready = next((one for one in best if one[1] not in rung.promoted), None)
                if ready is not None:
                    found.append((-passed, *ready, pool))
        if not found:
            return None
        passed, _, number, pool = min(found, key=lambda one: one[:3])
        return self._continue(number, self._rungs[pool][-passed])

    def finish(self) -> int | None:
        """After the last proposal: the trial that continues so that its arm has a finished one.

        None while enough trials of every arm run or are finished. Where arms may drop out
        (`finish` is 0), the best trial of the whole pool takes the place of that of each arm.
        """
        for numbers in self._of_goal.values():
            entrants = [self._entrants[number] for number in numbers]
            if self._are_enough(one.running or (one.finished and not one.out) for one in entrants):
                continue
            waiting = [
                (-one.passed, -one.score, number)
                for number, one in zip(numbers, entrants, strict=True)
                if not (one.running or one.out or one.finished)
            ]
            if waiting:
                _, _, number = min(waiting)
                entrant = self._entrants[number]
                return self._continue(number, self._rungs[entrant.pool][entrant.passed])
        return None

    def beaten(self, number: int) -> list[int]:
        """After `number` has come to a rung: the waiting trials that are not expected to continue.

        One of them may yet, where better ones fail or more trials are added.
        """
        entrant = self._entrants[number]
        order = self._rungs[entrant.pool][entrant.passed].order
        promotions = self.planned[entrant.pool] // self.rule.factor**entrant.passed
        pushed_down = order[promotions : promotions + 1]
        candidates = {number, *(other for _, other in pushed_down)}
        return [one for one in sorted(candidates) if self._is_beaten(one, order, promotions)]

    def _is_beaten(self, number: int, order: list[tuple[float, int]], promotions: int) -> bool:
        entrant = self._entrants[number]
        if entrant.running or bisect.bisect_left(order, (-entrant.score, number)) < promotions:
            return False
        rivals = (self._entrants[other] for other in self._of_goal[self._goal_of(entrant)])
        own = (entrant.passed, entrant.score)
        return self._are_enough((one.passed, one.score) > own for one in rivals)

    def _are_enough(self, trials: Iterable[bool]) -> bool:
        """Whether it is true of as many trials as must be finished; no more are looked at."""
        wanted = max(self.rule.finish, 1)
        return sum(islice(filter(None, trials), wanted)) == wanted

    def _continue(self, number: int, rung: _Rung) -> int:
        rung.promoted.add(number)
        self._entrants[number].running = True
        return number

    def _goal_of(self, entrant: _Entrant) -> Hashable:
        """What must have a finished trial: its arm, or where arms may drop out, its pool."""
        return entrant.arm if self.rule.finish else entrant.pool
