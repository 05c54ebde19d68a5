"""What is tried: Optuna, through Ray Tune's OptunaSearch, asked and told in the search's order.

The study is written into the run directory, where optuna-dashboard opens it. A trial is one trial
of the study, however often it pauses.
"""

import copy
import warnings
from collections.abc import Collection, Container, Sequence

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search.optuna import OptunaSearch

from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import TrialRecord
from sweeps.schema import Sweep
from sweeps.space import (
    arm_names,
    arm_of,
    grid_points,
    middle_point,
    suggest,
    trial_name,
    tuned_in,
)
from sweeps.stops import Stops

MAX_REFUSALS = 1000
"""So many proposals of skipped arms in a row mean that the sampler will propose no other."""


def trials_planned(sweep: Sweep, arms: Sequence[Arm]) -> int:
    """The number of trials of a sweep over `arms`: of the budget, what can be shared equally."""
    trials = sweep.budget.trials
    if sweep.sampler.name == "grid":
        return sum(1 for arm in arms for _ in grid_points(sweep, arm))
    return trials // len(arms) * len(arms) if sweep.allocation == "equal" else trials


class Proposals:
    """Proposes a run's trials one after another, and learns from their scores.

    Args:
        sweep: what is compared and tuned.
        arms: those that are not skipped, in the sweep's order.
        directory: where the study is written, always from the start: proposals are replayed.
        stops: the arms that were stopped by hand.
    """

    def __init__(
        self, sweep: Sweep, arms: Sequence[Arm], directory: RunDirectory, stops: Stops
    ) -> None:
        self.sweep, self.arms, self.stops = sweep, arms, stops
        self.planned = trials_planned(sweep, arms)
        self.study_ids: dict[int, str] = {}
        directory.study_file.unlink(missing_ok=True)
        self.storage = StudyStorage(JournalFileBackend(str(directory.study_file)))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if sweep.allocation == "equal":
            self.studies = [_study_of_arm(sweep, arm, self.storage) for arm in arms]
        else:
            self.studies = [_study_of_all(sweep, arms, self.storage)]

    def propose(self, number: int) -> TrialRecord | None:
        """Trial `number`, not begun; None if it would be of an arm that was stopped.

        Proposals of skipped arms are refused, and so are those of stopped ones, unless each arm has
        its own: in a grid, and with equal allocation.
        """
        stopped = self.stops.arms_at(number)
        own = [self.arms[number % len(self.arms)]] if len(self.studies) > 1 else self.arms
        wanted = [arm for arm in own if arm not in stopped]
        if not wanted:
            return None
        self.storage.hidden = stopped
        study = self._study(number)
        for refused in range(MAX_REFUSALS):
            trial_id = str(number) if refused == 0 else f"{number} again {refused}"
            config = study.suggest(trial_id)
            assert config is not None
            if arm_of(self.sweep, config) in wanted:
                break
            study.on_trial_complete(trial_id, error=True)
            if self.sweep.sampler.name == "grid":
                return None
        else:
            raise RuntimeError(f"the sampler proposes only skipped arms for trial {number}")
        self.study_ids[number] = trial_id
        config = {"number": number, **config}
        arm = arm_of(self.sweep, config)
        return TrialRecord(
            number=number,
            name=trial_name(self.sweep, config),
            arm=arm,
            config=config,
            tuned=tuple(tuned_in(self.sweep, arm)),
            planned=self.planned,
        )

    def learn(self, number: int, scores: Sequence[tuple[int, float]]) -> None:
        """Tell the study a trial's best score after each of further epochs: (epoch, score)."""
        for epoch, score in scores:
            step = {"score": score, "training_iteration": epoch}
            self._study(number).on_trial_result(self.study_ids[number], step)

    def end(self, number: int, score: float | None, *, failed: bool = False) -> None:
        """Tell the study that nothing more comes of a trial; `score` only of a finished one."""
        result = None if score is None else {"score": score}
        self._study(number).on_trial_complete(self.study_ids[number], result, error=failed)

    def _study(self, number: int) -> OptunaSearch:
        return self.studies[number % len(self.studies)]


class StudyStorage(JournalStorage):
    """A study's storage, in which the samplers see the trials as the search does.

    Those that wait at a rung are listed as pruned ones. Optuna's samplers take every running trial
    for a poor one. A trial that has reached a rung is none; it is of those that Optuna calls
    pruned, which it compares by how far they came.

    Attributes:
        hidden: arms whose trials are not listed. A sampler that saw how good a stopped arm is would
            propose it again and again.
    """

    hidden: Collection[Arm] = ()

    def __init__(self, log_storage: BaseJournalBackend) -> None:
        super().__init__(log_storage)
        self._begun: set[int] = set()
        """Studies of which no enqueued point waits any more: they are not searched for one."""

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """As of `JournalStorage`."""
        if states == (TrialState.WAITING,):
            return self._waiting(study_id, deepcopy)
        changed = (TrialState.RUNNING, TrialState.PRUNED, TrialState.COMPLETE)
        if states is not None and not any(state in states for state in changed):
            return super().get_all_trials(study_id, deepcopy=deepcopy, states=states)
        trials = map(_as_it_stands, super().get_all_trials(study_id, deepcopy=deepcopy))
        return [
            trial
            for trial in trials
            if (states is None or trial.state in states)
            and not any(_is_of(trial, arm) for arm in self.hidden)
        ]

    def _waiting(self, study_id: int, deepcopy: bool) -> list[FrozenTrial]:
        """The enqueued points, which all are there before the first proposal.

        Optuna asks for them at every proposal, and looks at all trials.
        """
        if study_id in self._begun:
            return []
        found = super().get_all_trials(study_id, deepcopy, (TrialState.WAITING,))
        if not found:
            self._begun.add(study_id)
        return found


def _as_it_stands(trial: FrozenTrial) -> FrozenTrial:
    if trial.state != TrialState.RUNNING or not trial.intermediate_values:
        return trial
    shown = copy.copy(trial)
    shown.state = TrialState.PRUNED
    return shown


def _is_of(trial: FrozenTrial, arm: Arm) -> bool:
    return arm == {name: value for name, value in trial.params.items() if name in arm}


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
        study_name=f"{sweep.name}: {arm_names(sweep)[arm]}",
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
