"""The rule of the winner: the one order of trials, of arms and of models.

Everything that has to choose goes by it: which weights the search keeps, what is repeated and what
is scored on test, the ranking, the pictures, and the model that is used. All on validation.

1. **Trials**: those that were trained to their end come first, then those that were trained for
   the larger share of their epochs: a score at epoch 2 is not better or worse than one at epoch 30.
   Of equal shares the higher score comes first; of equal scores, the trial that was proposed first
   (the smaller number). A trial without a score is not in the order.
2. **Arms**: an arm stands for its first trial. Arms whose first trial was repeated come first, by
   the mean over the repeats that have a score; then the others, in the order of their first trials.
   Arms whose repeats are equal are in the order of their first trials as well.
3. **The model of an arm**: of an arm with repeats, the repeat with the highest score, and of equal
   ones the first; otherwise its first trial. The trial that was repeated is left out, because its
   score is the highest of many and thereby too high.
4. **The winner** is the model of the first arm.

Repeats of a trial that is no longer the first of its arm, because a resumed search found a better
one, do not count.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Generic, NamedTuple, TypeVar

from runs.arms import Arm
from runs.records import TrialRecord

A = TypeVar("A", bound=Hashable)


class Scored(NamedTuple, Generic[A]):
    """A trial or repeat that has a score: what the rule needs to know of it.

    `arm` is anything that tells arms apart. `number` is unique among trials, and among repeats.
    `of` is the number of the trial that a repeat repeats; None of a trial. `reached` is the share
    of its epochs that it was trained, 1 of a finished one.
    """

    arm: A
    number: int
    score: float
    of: int | None = None
    reached: float = 1.0

    @property
    def order(self) -> tuple[float, float, int]:
        """Sort key: trials come in rising order of it."""
        return (-self.reached, -self.score, self.number)


@dataclass(frozen=True)
class Standing(Generic[A]):
    """An arm in the ranking.

    Attributes:
        trial: its first trial.
        repeats: those of `trial` that have a score, by number.
    """

    arm: A
    trial: Scored[A]
    repeats: tuple[Scored[A], ...]

    @property
    def value(self) -> float:
        """What the arm is ranked by: the mean over its repeats, or the score of its trial."""
        return fmean(one.score for one in self.repeats) if self.repeats else self.trial.score

    @property
    def order(self) -> tuple[bool, float, tuple[float, float, int]]:
        """Sort key: arms come in rising order of it."""
        return (not self.repeats, -self.value if self.repeats else 0.0, self.trial.order)

    @property
    def model(self) -> Scored[A]:
        """The training that the arm's model is taken from."""
        return first(self.repeats) if self.repeats else self.trial


def first(trials: Iterable[Scored[A]]) -> Scored[A]:
    """The first in the order of trials. ValueError: there is none."""
    return min(trials, key=lambda one: one.order)


def standings(trials: Iterable[Scored[A]], repeats: Iterable[Scored[A]] = ()) -> list[Standing[A]]:
    """The arms that have a scored trial, best first."""
    of_arm: dict[A, list[Scored[A]]] = defaultdict(list)
    for trial in trials:
        of_arm[trial.arm].append(trial)
    of_trial: dict[int | None, list[Scored[A]]] = defaultdict(list)
    for repeat in sorted(repeats, key=lambda one: one.number):
        of_trial[repeat.of].append(repeat)
    found = []
    for arm, own in of_arm.items():
        trial = first(own)
        found.append(Standing(arm, trial, tuple(of_trial[trial.number])))
    return sorted(found, key=lambda standing: standing.order)


@dataclass(frozen=True)
class ArmStanding:
    """An arm in the ranking, with its records; see `Standing`."""

    arm: Arm
    trial: TrialRecord
    repeats: tuple[TrialRecord, ...]
    model: TrialRecord


def rank_records(
    trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord] = ()
) -> list[ArmStanding]:
    """The arms of a run by its records, best first. The model of the first one is the winner."""
    numbers = {trial.name: trial.number for trial in trials}
    of_trials = {trial.number: trial for trial in trials}
    of_repeats = {repeat.number: repeat for repeat in repeats}
    ranked = standings(
        [
            Scored(one.arm, one.number, one.score, reached=one.reached)
            for one in trials
            if one.score is not None
        ],
        [
            Scored(one.arm, one.number, one.score, numbers.get(one.of or ""), one.reached)
            for one in repeats
            if one.score is not None
        ],
    )
    return [
        ArmStanding(
            standing.arm,
            of_trials[standing.trial.number],
            tuple(of_repeats[one.number] for one in standing.repeats),
            (of_repeats if standing.repeats else of_trials)[standing.model.number],
        )
        for standing in ranked
    ]
