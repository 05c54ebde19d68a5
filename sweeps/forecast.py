"""How much of a run is still to come, in what epochs cost, before it is known who continues.

How many trials will continue from each rung follows from the rule of the search, see
`sweeps.halving`; which ones does not matter much. An epoch costs what its operations do, as on the
search's clock. How long a unit of cost takes is measured in this run.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise, zip_longest
from statistics import fmean
from typing import NamedTuple

from runs.arms import Arm
from runs.records import TrialRecord
from sweeps.halving import rungs_of
from sweeps.plan import Plan
from sweeps.repeats import repeats_planned
from sweeps.schema import Scheduler
from sweeps.search import planned_by_pool, pool_of
from sweeps.space import complete, longest_training


def expected(rule: Scheduler, planned: int, arms: int, stretches: int) -> list[float]:
    """How many of a pool's trials are trained in each stretch from rung to rung.

    Args:
        planned: trials of the pool.
        arms: that they are of.
        stretches: how many there are; the last one ends with the training.
    """
    counts: list[float] = []
    for passed in range(stretches):
        promoted = planned // rule.factor**passed
        # Those that are promoted are of any arms; of each of the others, the best ones continue.
        without = arms * (1 - 1 / arms) ** promoted
        finishing = max(promoted + rule.finish * without, rule.finish * arms, 1)
        counts.append(float(min(finishing, planned)))
    return counts


class Rung(NamedTuple):
    """A rung of the longest training: how many trials came there, and what they do now."""

    epoch: int
    reached: int
    continued: int
    waiting: int


class Forecast:
    """What a run has done and what is left, in units of cost."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        rule, longest = plan.sweep.scheduler, longest_training(plan.sweep, plan.arms)
        self.rungs = {
            arm: rungs_of(rule, complete(plan.sweep, arm)["epochs"], longest) for arm in plan.arms
        }
        self.planned = planned_by_pool(plan.sweep, plan.arms, plan.trials)

    def done(self, records: Iterable[TrialRecord]) -> int:
        """What has been trained of trials or repeats."""
        return sum(record.trained * self.plan.costs[record.arm] for record in records)

    def left_of_trials(
        self, records: Sequence[TrialRecord], stopped: Collection[Arm] = ()
    ) -> float:
        """What is left of the search: of the stretches that have begun, and of those to come."""
        begun = sum(self._left_of_stretch(record) for record in records)
        to_come = 0.0
        for pool, planned in self.planned.items():
            everyone = [arm for arm in self.plan.arms if pool_of(self.plan.sweep, arm) == pool]
            arms = [arm for arm in everyone if arm not in stopped]
            if not arms:
                continue
            own = [record for record in records if record.arm in everyone]
            costs = self._costs_of_stretches(arms)
            counts = expected(self.plan.sweep.scheduler, planned, len(arms), len(costs))
            for stretch, (count, cost) in enumerate(zip(counts, costs, strict=True), start=1):
                entered = sum(self._entered(record) >= stretch for record in own)
                to_come += max(0.0, count - entered) * cost
        return begun + to_come

    def left_of_repeats(self, records: Sequence[TrialRecord]) -> float:
        """What is left of the repeats; before they are named, they are of a mean arm."""
        if records:
            return sum(
                (record.config["epochs"] - record.trained) * self.plan.costs[record.arm]
                for record in records
                if not record.ended
            )
        each = fmean(self.rungs[arm][-1] * self.plan.costs[arm] for arm in self.plan.arms)
        return repeats_planned(self.plan.sweep, self.plan.arms) * each

    def at_rungs(self, records: Sequence[TrialRecord]) -> list[Rung]:
        """The rungs before the end, and how many trials have come there."""
        longest = max(self.rungs.values(), key=lambda rungs: (len(rungs), rungs[-1]))
        found = []
        for passed, epoch in enumerate(longest[:-1], start=1):
            there = [record for record in records if self._passed(record) >= passed]
            continued = sum(self._entered(record) > passed for record in there)
            waiting = sum(self._entered(record) == passed and not record.ended for record in there)
            found.append(Rung(epoch, len(there), continued, waiting))
        return found

    def _passed(self, record: TrialRecord) -> int:
        """How many stretches a trial was trained to their end."""
        return bisect_right(self.rungs[record.arm], record.trained) if record.epochs else 0

    def _entered(self, record: TrialRecord) -> int:
        """How many stretches a trial has begun."""
        rungs = self.rungs[record.arm]
        if record.status == "running":
            return min(bisect_right(rungs, record.trained) + 1, len(rungs))
        return bisect_left(rungs, record.trained) + 1 if record.epochs else 0

    def _left_of_stretch(self, record: TrialRecord) -> int:
        """What a trial still has to train to its next rung; nothing of one that waits there."""
        entered = self._entered(record)
        if record.ended or not entered:
            return 0
        epochs = self.rungs[record.arm][entered - 1] - record.trained
        return epochs * self.plan.costs[record.arm]

    def _costs_of_stretches(self, arms: Sequence[Arm]) -> list[float]:
        """What each stretch costs, as a mean over arms."""
        by_arm = [
            [(end - start) * self.plan.costs[arm] for start, end in pairwise((0, *self.rungs[arm]))]
            for arm in arms
        ]
        # An arm that is scored untrained has a single stretch, of no epochs.
        return [sum(costs) / len(arms) for costs in zip_longest(*by_arm, fillvalue=0)]
