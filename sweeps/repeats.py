"""Seed repeats: the best configurations, trained again under other seeds, to tell merit from luck.

Only the training's seed changes: data, their split and initial weights are the trials' own.
"""

from collections.abc import Iterator
from typing import Any

from ray.tune.search import Searcher

from sweeps.ledger import Ledger, Record
from sweeps.schema import Sweep
from sweeps.space import Arm, Config


def repeats_planned(sweep: Sweep, arms: list[Arm]) -> int:
    """How many trainings the repeats of a sweep over `arms` are."""
    return min(sweep.repeats.top, len(arms)) * sweep.repeats.seeds if sweep.repeats else 0


def open_repeats(sweep: Sweep, arms: list[Arm], trials: Ledger, repeats: Ledger) -> list[Record]:
    """The repeats that the ended `trials` ask for, in the ledger of `repeats`: begun, or on record.

    One on record whose arm has a better trial by now is left as it is, and is not asked for.
    """
    wanted = []
    known = {record.name: record for record in repeats.records.values()}
    for best in _best_of_top(sweep, arms, trials):
        for seed in _seeds(sweep):
            name = f"{best.name}-seed{seed}"
            if name not in known:
                number = len(repeats.records)
                config = {**best.config, "number": number, "seed": seed}
                record = Record(number, name, best.arm, config, best.tuned, of=best.name)
                repeats.open(record)
                known[name] = record
            wanted.append(known[name])
    return wanted


def _best_of_top(sweep: Sweep, arms: list[Arm], trials: Ledger) -> list[Record]:
    """The best trial of each of the best arms, on validation, the best first."""
    assert sweep.repeats is not None
    best = [record for arm in arms if (record := trials.best_of(arm)) is not None]
    return sorted(best, key=lambda record: (-(record.score or 0), record.number))[
        : sweep.repeats.top
    ]


def _seeds(sweep: Sweep) -> Iterator[int]:
    assert sweep.repeats is not None
    yield from range(sweep.seed + 1, sweep.seed + 1 + sweep.repeats.seeds)


class InTurn(Searcher):
    """Gives Ray Tune configurations that are settled already, one after another.

    Args:
        configs: what is to be run.
        ledger: its records tell how long an epoch takes.
        deadline: as of `SearchInOrder`, and one is always given.
    """

    def __init__(self, configs: list[Config], ledger: Ledger, deadline: float | None) -> None:
        super().__init__(metric="score", mode="max")
        self.configs, self.ledger, self.deadline = configs, ledger, deadline
        self.given = 0

    @property
    def out_of_time(self) -> bool:
        """Whether an epoch as long as the longest so far would end after the deadline."""
        return self.ledger.out_of_time(self.deadline)

    def suggest(self, trial_id: str) -> Config | str | None:
        """The next configuration; FINISHED at the end, or when there is no time left."""
        if self.given == len(self.configs) or (self.given and self.out_of_time):
            return Searcher.FINISHED
        self.given += 1
        return self.configs[self.given - 1]

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: there is nothing to learn."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the memory of a run."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as for `save`."""
