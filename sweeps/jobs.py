"""What a worker does: it makes initial weights, trains a trial up to a rung, scores or times it."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from models.pretraining import store
from models.pretraining.stage import Stage
from runs.records import TrialRecord
from sweeps.reports import Report
from sweeps.slots import Slot
from sweeps.stages import train_stage
from sweeps.sync import Sync
from sweeps.trial import Training, TrialContext, score_on_test, time_model, train_trial


@dataclass(frozen=True)
class JobContext:
    """What the jobs of a run have in common.

    Attributes:
        cache: where stages' weights are stored.
        pretraining_epochs: of each stage.
        stall_s: after so long without work a worker counts as hung; None for never.
        deterministic: GPUs are asked to compute the same twice.
        sync: brings files to the node of a job, and takes them from there.
    """

    trials: TrialContext
    cache: Path
    pretraining_epochs: int
    stall_s: float | None
    deterministic: bool
    sync: Sync

    def trials_in(self, slot: Slot) -> TrialContext:
        """What a trial is told that holds a slot."""
        return replace(self.trials, slot=slot)


@dataclass(frozen=True, repr=False)
class MakeStage:
    """Train a stage of initial weights.

    Attributes:
        slot: what it holds, as every job.
    """

    stage: Stage
    slot: Slot

    @property
    def name(self) -> str:
        """Unique in the run, as of every job."""
        return f"weights {self.stage.name}-{self.stage.key}"

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        stage, cache, trials = self.stage, context.cache, context.trials_in(self.slot)
        work = train_stage(stage, context.pretraining_epochs, cache, trials.slot, trials.deadline)
        made = store.folder_of(cache, stage.name, stage.key)
        parents = [store.folder_of(cache, one.name, one.key) for one in stage.lineage()[:-1]]
        unfinished = store.unfinished(cache, stage.name, stage.key)
        return context.sync.stage(work, made, unfinished, stage.data.folder, parents)


@dataclass(frozen=True, repr=False)
class Train:
    """Train a trial or repeat up to a rung or to its end."""

    training: Training
    slot: Slot

    @property
    def name(self) -> str:
        """That of the trial or repeat: all its stretches are one trial to Ray."""
        return self.training.name

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        training, trials = self.training, context.trials_in(self.slot)
        folder = trials.directory.folder_of(training.group, training.name)
        work, data = train_trial(training, trials), trials.data.folder
        return context.sync.training(work, folder, data, training.weights)


@dataclass(frozen=True, repr=False)
class Score:
    """Score a trial or repeat on test."""

    record: TrialRecord
    slot: Slot

    @property
    def name(self) -> str:
        """Of the trial or repeat, on test."""
        return f"test {self.record.name}"

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        trials = context.trials_in(self.slot)
        folder, work = trials.directory.folder(self.record), score_on_test(self.record, trials)
        return context.sync.training(work, folder, trials.data.folder)


@dataclass(frozen=True, repr=False)
class Time:
    """Time the model of a trial, while nothing else is done."""

    record: TrialRecord
    slot: Slot

    @property
    def name(self) -> str:
        """Of the trial, timed."""
        return f"timing {self.record.name}"

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        trials = context.trials_in(self.slot)
        folder, work = trials.directory.folder(self.record), time_model(self.record, trials)
        return context.sync.training(work, folder, trials.data.folder)


Job = MakeStage | Train | Score | Time
