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
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from runs.arms import Arm
from sweeps.schema import Scheduler

QUORUM = 0.5
"""Share of those expected at a rung that must have come before anybody continues from it."""

K = TypeVar("K", bound=tuple[float, ...])

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
    """Those that reached it, as sorted lists of (-score, number).

    Attributes:
        count: how many, with those that would have diverged before.
        order: those that may continue, or have continued.
        waiting: those of them that have not continued.
    """

    count: int = 0
    order: list[tuple[float, int]] = field(default_factory=list)
    waiting: list[tuple[float, int]] = field(default_factory=list)


@dataclass
class _Goal:
    """The trials of which one must be finished.

    Attributes:
        active: how many run or are finished.
        waiting: those at a rung, as a sorted list of (-passed, -score, number).
        leaders: those that have come furthest, as a sorted list of (passed, score, number): as many
            as must be finished.
    """

    active: int = 0
    waiting: list[tuple[int, float, int]] = field(default_factory=list)
    leaders: list[tuple[int, float, int]] = field(default_factory=list)


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

    Attributes:
        planned: may be changed when more trials are planned.
    """

    def __init__(self, rule: Scheduler, planned: dict[Pool, int]) -> None:
        self.rule, self.planned = rule, planned
        self._entrants: dict[int, _Entrant] = {}
        self._rungs: dict[Pool, dict[int, _Rung]] = {pool: defaultdict(_Rung) for pool in planned}
        self._goals: dict[Hashable, _Goal] = defaultdict(_Goal)
        self._wanted = max(rule.finish, 1)

    def enter(self, number: int, arm: Arm, pool: Pool, rungs: tuple[int, ...]) -> None:
        """A trial starts; it pauses at each of `rungs`, see `rungs_of`."""
        self._entrants[number] = _Entrant(arm, pool, rungs, running=True)
        self._goal_of(self._entrants[number]).active += 1

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
        goal = self._goal_of(entrant)
        self._lead(goal, number)
        if not entrant.finished:
            goal.active -= 1
            bisect.insort(goal.waiting, (-entrant.passed, -score, number))
            rung = self._rungs[entrant.pool][entrant.passed]
            rung.count += 1
            bisect.insort(rung.order, (-score, number))
            bisect.insort(rung.waiting, (-score, number))

    def diverge(self, number: int) -> None:
        """A trial has diverged before its next rung: it counts there as the worst."""
        self.fail(number)
        entrant = self._entrants[number]
        if entrant.passed + 1 < len(entrant.rungs):
            self._rungs[entrant.pool][entrant.passed + 1].count += 1

    def fail(self, number: int) -> None:
        """A trial has failed before its next rung: it does not count, because that is chance."""
        entrant = self._entrants[number]
        self._goal_of(entrant).active -= 1
        entrant.running, entrant.out = False, True

    def rejoin(self, number: int) -> None:
        """A trial that has failed starts again, before the rung at which it did not arrive."""
        entrant = self._entrants[number]
        self._goal_of(entrant).active += 1
        entrant.running, entrant.out = True, False

    def withdraw(self, number: int) -> None:
        """A trial was stopped before its next rung: where it was promoted, others can be."""
        self.fail(number)
        for rung in self._rungs[self._entrants[number].pool].values():
            rung.order = [one for one in rung.order if one[1] != number]
            rung.waiting = [one for one in rung.waiting if one[1] != number]

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
                ready = rung.waiting[0] if rung.waiting else None
                promotions = rung.count // self.rule.factor
                if ready is not None and bisect.bisect_left(rung.order, ready) < promotions:
                    found.append((-passed, *ready))
        return self.resume(min(found)[2]) if found else None

    def resume(self, number: int) -> int:
        """A trial that waits at a rung continues; returns its number."""
        entrant = self._entrants[number]
        goal, rung = self._goal_of(entrant), self._rungs[entrant.pool][entrant.passed]
        _discard(rung.waiting, (-entrant.score, number))
        _discard(goal.waiting, (-entrant.passed, -entrant.score, number))
        goal.active += 1
        entrant.running = True
        return number

    def finish(self) -> int | None:
        """After the last proposal: the trial that continues so that its arm has a finished one.

        None while enough trials of every arm run or are finished. Where arms may drop out
        (`finish` is 0), the best trial of the whole pool takes the place of that of each arm.
        """
        for goal in self._goals.values():
            if goal.active < self._wanted and goal.waiting:
                return self.resume(goal.waiting[0][2])
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
        own = (entrant.passed, entrant.score)
        ahead = [one for one in self._goal_of(entrant).leaders if one[:2] > own]
        return len(ahead) == self._wanted

    def _lead(self, goal: _Goal, number: int) -> None:
        """A trial has come further: it may be one of the leaders now."""
        entrant = self._entrants[number]
        leaders = [one for one in goal.leaders if one[2] != number]
        bisect.insort(leaders, (entrant.passed, entrant.score, number))
        goal.leaders = leaders[-self._wanted :]

    def _goal_of(self, entrant: _Entrant) -> _Goal:
        """What must have a finished trial: its arm, or where arms may drop out, its pool."""
        return self._goals[entrant.arm if self.rule.finish else entrant.pool]


def _discard(ordered: list[K], item: K) -> None:
    """Remove an item of a sorted list, which holds it."""
    del ordered[bisect.bisect_left(ordered, item)]
