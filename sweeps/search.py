"""The search: Optuna through Ray's OptunaSearch, asked and told in the order of trial numbers.

Trials end in an order that depends on the clock. If the search learned as they end, no sweep would
be the same twice. Here trial n is proposed knowing exactly the trials numbered up to n - lag: its
proposal waits until these have ended, and what ended besides is told later. The same rule makes
resuming exact: the proposals are replayed, and trials that ended before are told and not run.
"""

import warnings
import zlib
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from sweeps.ledger import Ledger, Record
from sweeps.schema import Sweep
from sweeps.space import (
    Arm,
    Config,
    arm_label,
    arm_of,
    grid_points,
    middle_point,
    suggest,
    trial_name,
    tuned_in,
)

STUDY_FILE = "study.journal"


class ReplayError(RuntimeError):
    """A resumed search proposes other trials than the run has on record."""


def trials_planned(sweep: Sweep, arms: list[Arm]) -> int:
    """How many trials a sweep over `arms` makes: the budget, shared equally where asked."""
    trials = sweep.budget.trials
    if sweep.sampler.name == "grid":
        return sum(1 for arm in arms for _ in grid_points(sweep, arm))
    return trials // len(arms) * len(arms) if sweep.allocation == "equal" else trials


class SearchInOrder(Searcher):
    """Proposes a run's trials one after another.

    Args:
        sweep: with its space.
        arms: the arms that can be had, in the sweep's order.
        ledger: the run's records; those that ended are not run again.
        lag: trial n is proposed when all up to n - lag have ended, and knows these only.
        run: folder that gets the Optuna study.
        deadline: when trials stop, in seconds since the epoch; None for never.
    """

    def __init__(
        self,
        sweep: Sweep,
        arms: list[Arm],
        ledger: Ledger,
        lag: int,
        run: Path,
        deadline: float | None = None,
    ) -> None:
        super().__init__(metric="score", mode="max")
        self.sweep, self.arms, self.ledger, self.lag = sweep, arms, ledger, lag
        self.deadline = deadline
        self.planned = trials_planned(sweep, arms)
        self.proposed = 0
        self.given = 0
        self.told = 0
        self.study_ids: dict[int, str] = {}
        # Proposals are replayed from the records, so the study is always written anew.
        (run / STUDY_FILE).unlink(missing_ok=True)
        storage = JournalStorage(JournalFileBackend(str(run / STUDY_FILE)))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if sweep.allocation == "equal":
            self.studies = [_study_of_arm(sweep, arm, storage) for arm in arms]
        else:
            self.studies = [_study_of_all(sweep, arms, storage)]

    @property
    def out_of_time(self) -> bool:
        """Whether an epoch as long as the longest so far would end after the deadline."""
        return self.ledger.out_of_time(self.deadline)

    def suggest(self, trial_id: str) -> Config | str | None:
        """The next trial that has still to run; None while it must wait; FINISHED at the end.

        The end has come, too, when there is no time left; one trial is always given, so that
        every slice of time gets on.
        """
        while self.proposed < self.planned:
            if self.given and self.out_of_time:
                return Searcher.FINISHED
            if not self._tell_up_to(self.proposed - self.lag):
                return None
            config = self._ask(self.proposed)
            self.proposed += 1
            record = Record(
                number=config["number"],
                name=trial_name(self.sweep, config),
                arm=arm_of(self.sweep, config),
                config=config,
                tuned=tuned_in(self.sweep, arm_of(self.sweep, config)),
            )
            known = self.ledger.records.get(record.number)
            if known is not None and known.config != config:
                raise ReplayError(
                    f"trial {record.number} is on record as {known.config}, but would now be "
                    f"{config}: the run was made by other versions; start a new one"
                )
            self.ledger.open(record)
            if not self.ledger.records[record.number].ended:
                self.given += 1
                return config
        return Searcher.FINISHED

    def finish(self) -> None:
        """Tell the study what has ended since the last proposal."""
        self._tell_up_to(self.proposed - 1)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the ledger knows, and the study is told in order."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the memory of a run."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as for `save`."""

    def _tell_up_to(self, last: int) -> bool:
        """Tell the study about trials up to number `last`; False at the first still running."""
        while self.told <= last:
            record = self.ledger.records[self.told]
            if not record.ended:
                return False
            study, trial_id = self._study(record.number), self.study_ids[record.number]
            for epoch in record.epochs:
                if self.ledger.metric in epoch:
                    step = {
                        "score": epoch[self.ledger.metric],
                        "training_iteration": epoch["epoch"],
                    }
                    study.on_trial_result(trial_id, step)
            failed = record.status == "failed"
            result = {"score": record.score} if record.score is not None and not failed else None
            study.on_trial_complete(trial_id, result, error=failed)
            self.told += 1
        return True

    def _ask(self, number: int) -> Config:
        """Optuna's proposal for trial `number`. One of an arm that is left out is sent back."""
        study = self._study(number)
        for refused in range(1000):
            trial_id = str(number) if refused == 0 else f"{number} again {refused}"
            config = study.suggest(trial_id)
            assert config is not None
            if arm_of(self.sweep, config) in self.arms:
                break
            study.on_trial_complete(trial_id, error=True)
        else:
            raise RuntimeError(f"the sampler proposed no arm that can be had, for trial {number}")
        self.study_ids[number] = trial_id
        return {"number": number, **config}

    def _study(self, number: int) -> OptunaSearch:
        return self.studies[number % len(self.studies)]


def _study_of_all(sweep: Sweep, arms: list[Arm], storage: JournalStorage) -> OptunaSearch:
    """One study over all arms: each at the middle first, then the sampler chooses arms too."""
    if sweep.sampler.name == "grid":
        points = [{**arm, **point} for arm in arms for point in grid_points(sweep, arm)]
    else:
        points = [{**arm, **middle_point(sweep, arm)} for arm in arms]
    return OptunaSearch(
        space=lambda trial: suggest(sweep, trial),
        metric="score",
        mode="max",
        sampler=_sampler(sweep, sweep.seed),
        study_name=sweep.name,
        storage=storage,
        points_to_evaluate=points,
    )


def _study_of_arm(sweep: Sweep, arm: Arm, storage: JournalStorage) -> OptunaSearch:
    """A study of one arm, the same whichever other arms the sweep compares."""
    grid = sweep.sampler.name == "grid"
    points = list(grid_points(sweep, arm)) if grid else [middle_point(sweep, arm)]
    return OptunaSearch(
        space=lambda trial: suggest(sweep, trial, arm),
        metric="score",
        mode="max",
        sampler=_sampler(sweep, sweep.seed ^ zlib.crc32(arm_label(arm).encode())),
        study_name=f"{sweep.name}: {arm_label(arm)}",
        storage=storage,
        points_to_evaluate=[point for point in points if point],
    )


def _sampler(sweep: Sweep, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler; a grid's points are enqueued, so that chance never gets to speak."""
    if sweep.sampler.name != "tpe":
        return optuna.samplers.RandomSampler(seed=seed)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    # multivariate: the learning rate of one arm says little about another's. group: parameters
    # that only some arms have are modelled among these. constant_liar: trials still running count
    # as poor, so that slots do not all try the same.
    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=sweep.sampler.startup_trials,
        multivariate=True,
        group=True,
        constant_liar=True,
    )
