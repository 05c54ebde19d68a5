"""What a worker does: it makes initial weights, trains a stretch of a trial, or scores one."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from models.pretraining import store
from models.pretraining.stage import Stage
from runs.records import TrialRecord
from sweeps.reports import Report
from sweeps.stages import train_stage
from sweeps.sync import Sync
from sweeps.trial import Training, TrialContext, score_on_test, train_trial


@dataclass(frozen=True)
class JobContext:
    """What the jobs of a run have in common.

    Attributes:
        cache: where stages' weights are stored.
        pretraining_epochs: of each stage.
        stall_s: after so long without work a worker counts as hung; None for never.
        sync: brings files to the node of a job, and takes them from there.
    """

    trials: TrialContext
    cache: Path
    pretraining_epochs: int
    stall_s: float | None
    sync: Sync


@dataclass(frozen=True, repr=False)
class MakeStage:
    """Train a stage of initial weights."""

    stage: Stage

    @property
    def name(self) -> str:
        """Unique in the run, as of every job."""
        return f"weights {self.stage.name}-{self.stage.key}"

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        stage, cache = self.stage, context.cache
        slots, deadline = context.trials.slots, context.trials.deadline
        work = train_stage(stage, context.pretraining_epochs, cache, slots, deadline)
        made = store.folder_of(cache, stage.name, stage.key)
        parents = [store.folder_of(cache, one.name, one.key) for one in stage.lineage()[:-1]]
        unfinished = store.unfinished(cache, stage.name, stage.key)
        return context.sync.stage(work, made, unfinished, stage.data.folder, parents)


@dataclass(frozen=True, repr=False)
class Train:
    """Train a trial or repeat up to a rung or to its end."""

    training: Training

    @property
    def name(self) -> str:
        """That of the trial or repeat: all its stretches are one trial to Ray."""
        return self.training.name

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        training, trials = self.training, context.trials
        folder = trials.directory.folder_of(training.group, training.name)
        work, data = train_trial(training, trials), trials.data.folder
        return context.sync.training(work, folder, data, training.weights)


@dataclass(frozen=True, repr=False)
class Score:
    """Score a trial or repeat on test."""

    record: TrialRecord

    @property
    def name(self) -> str:
        """Of the trial or repeat, on test."""
        return f"test {self.record.name}"

    def reports(self, context: JobContext) -> Generator[Report]:
        """Do it, in a worker."""
        trials = context.trials
        folder, work = trials.directory.folder(self.record), score_on_test(self.record, trials)
        return context.sync.training(work, folder, trials.data.folder)


Job = MakeStage | Train | Score
