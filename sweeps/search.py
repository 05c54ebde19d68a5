"""The search: Optuna through Ray's OptunaSearch, which learns in the order of trial numbers.

Trials end in an order that depends on the clock. If the search learned as they end, no sweep would
be repeatable. Here trial n is proposed from the results of exactly the trials numbered up to
n - lag: its proposal waits until these have ended, and other results are added later. The same rule
makes resuming exact: the proposals are replayed, and trials that ended before are not run again.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from runs.arms import Arm
from runs.errors import EosweepError
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.schema import Sweep
from sweeps.space import (
    Config,
    arm_of,
    arm_slug,
    grid_points,
    middle_point,
    suggest,
    trial_name,
    tuned_in,
)

MAX_REFUSALS = 1000
"""So many proposals of skipped arms in a row mean that the sampler will propose no other."""


class ReplayError(EosweepError):
    """A resumed search proposes other trials than those on record."""


def trials_planned(sweep: Sweep, arms: Sequence[Arm]) -> int:
    """The number of trials of a sweep over `arms`: of the budget, what can be shared equally."""
    trials = sweep.budget.trials
    if sweep.sampler.name == "grid":
        return sum(1 for arm in arms for _ in grid_points(sweep, arm))
    return trials // len(arms) * len(arms) if sweep.allocation == "equal" else trials


class SearchInOrder(Searcher):
    """Proposes a run's trials one after another.

    Args:
        sweep: what is compared and tuned.
        arms: those that are not skipped, in the sweep's order.
        ledger: the run's records; trials that ended are not run again. The Optuna study is written
            into its directory.
        lag: trial n is proposed when all trials up to n - lag have ended, and from these only.
        deadline: unix time in seconds at which trials stop; None for never.
    """

    def __init__(
        self,
        sweep: Sweep,
        arms: Sequence[Arm],
        ledger: Ledger,
        lag: int,
        deadline: float | None = None,
    ) -> None:
        super().__init__(metric="score", mode="max")
        self.sweep, self.arms, self.ledger, self.lag = sweep, arms, ledger, lag
        self.deadline = deadline
        self.planned = trials_planned(sweep, arms)
        self.proposed = 0
        self.given = 0
        self.learned = 0
        self.study_ids: dict[int, str] = {}
        # Proposals are replayed from the records, so the study is always written from the start.
        study_file = ledger.directory.study_file
        study_file.unlink(missing_ok=True)
        storage = JournalStorage(JournalFileBackend(str(study_file)))
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
        """The next trial to run; None while it must wait; FINISHED at the end.

        FINISHED as well when there is no time left; but at least one trial is given, so that every
        time slice makes progress.
        """
        while self.proposed < self.planned:
            if self.given and self.out_of_time:
                return Searcher.FINISHED
            if not self._learn_up_to(self.proposed - self.lag):
                return None
            config = self._ask(self.proposed)
            self.proposed += 1
            arm = arm_of(self.sweep, config)
            record = TrialRecord(
                number=config["number"],
                name=trial_name(self.sweep, config),
                arm=arm,
                config=config,
                tuned=tuple(tuned_in(self.sweep, arm)),
            )
            known = self.ledger.records.get(record.number)
            if known is not None and known.config != config:
                raise ReplayError(
                    f"trial {record.number} is on record as {known.config}, but the search now "
                    f"proposes {config}: other versions or another processor made this run; resume "
                    "it there, or start a new run"
                )
            self.ledger.open(record)
            if not self.ledger.records[record.number].ended:
                self.given += 1
                return config
        return Searcher.FINISHED

    def finish(self) -> None:
        """Add to the study the trials that ended after the last proposal."""
        self._learn_up_to(self.proposed - 1)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Does nothing: results are in the ledger, and the study learns them in order."""

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: the ledger is the memory of a run."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing, as `save`."""

    def _learn_up_to(self, last: int) -> bool:
        """Add trials up to number `last` to the study; False at the first that is running."""
        while self.learned <= last:
            record = self.ledger.records[self.learned]
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
            self.learned += 1
        return True

    def _ask(self, number: int) -> Config:
        """Optuna's proposal for trial `number`. Proposals of skipped arms are refused."""
        study = self._study(number)
        for refused in range(MAX_REFUSALS):
            trial_id = str(number) if refused == 0 else f"{number} again {refused}"
            config = study.suggest(trial_id)
            assert config is not None
            if arm_of(self.sweep, config) in self.arms:
                break
            study.on_trial_complete(trial_id, error=True)
        else:
            raise RuntimeError(f"the sampler proposes only skipped arms for trial {number}")
        self.study_ids[number] = trial_id
        return {"number": number, **config}

    def _study(self, number: int) -> OptunaSearch:
        return self.studies[number % len(self.studies)]


def _study_of_all(sweep: Sweep, arms: Sequence[Arm], storage: JournalStorage) -> OptunaSearch:
    """One study over all arms: each at the middle first, then the sampler chooses arms as well."""
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
    """A study of one arm. Its sampler's seed does not depend on the other arms of the sweep."""
    grid = sweep.sampler.name == "grid"
    points = list(grid_points(sweep, arm)) if grid else [middle_point(sweep, arm)]
    return OptunaSearch(
        space=lambda trial: suggest(sweep, trial, arm),
        metric="score",
        mode="max",
        sampler=_sampler(sweep, sweep.seed ^ int(arm.digest[:8], 16)),
        study_name=f"{sweep.name}: {arm_slug(sweep, arm)}",
        storage=storage,
        points_to_evaluate=[point for point in points if point],
    )


def _sampler(sweep: Sweep, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler. The points of a grid are enqueued: its random sampler proposes none."""
    if sweep.sampler.name != "tpe":
        return optuna.samplers.RandomSampler(seed=seed)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    # multivariate: the learning rate of one arm says little about that of another. group:
    # parameters that only some arms have are modelled among these arms. constant_liar: running
    # trials count as poor, so that the slots do not all try the same.
    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=sweep.sampler.startup_trials,
        multivariate=True,
        group=True,
        constant_liar=True,
    )
