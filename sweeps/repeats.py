"""Seed repeats: the best trials, trained again under other seeds, to tell merit from luck.

Only the seed of training changes: data, their split and initial weights are those of the trial.
"""

from collections.abc import Sequence
from typing import Any

from ray.tune.search import Searcher

from runs.arms import Arm
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.schema import Sweep
from sweeps.space import Config


def repeats_planned(sweep: Sweep, arms: Sequence[Arm]) -> int:
    """The number of repeats of a sweep over `arms`."""
    return min(sweep.repeats.top, len(arms)) * sweep.repeats.seeds if sweep.repeats else 0


def open_repeats(sweep: Sweep, trials: Ledger, repeats: Ledger) -> list[TrialRecord]:
    """The repeats of the first trials of the best arms, in the order of `runs.winner`.

    Those that are not on record yet are opened in `repeats`. A repeat on record whose arm has a
    better trial by now stays as it is, and is not among those returned.
    """
    assert sweep.repeats is not None
    known = {record.name: record for record in repeats.records.values()}
    wanted = []
    for standing in trials.standings()[: sweep.repeats.top]:
        best = standing.trial
        for seed in range(sweep.seed + 1, sweep.seed + 1 + sweep.repeats.seeds):
            name = f"{best.name}-seed{seed}"
            if name not in known:
                number = len(repeats.records)
                known[name] = TrialRecord(
                    number=number,
                    name=name,
                    arm=best.arm,
                    config={**best.config, "number": number, "seed": seed},
                    tuned=best.tuned,
                    of=best.name,
                )
                repeats.open(known[name])
            wanted.append(known[name])
    return wanted


class InTurn(Searcher):
    """Gives Ray Tune fixed configurations, one after another.

    Args:
        configs: what is to be run.
        ledger: knows how long an epoch takes.
        deadline: see `SearchInOrder`; one configuration is always given.
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
        """Does nothing: there is nothing to learn."""

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: the ledger is the memory of a run."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing, as `save`."""
