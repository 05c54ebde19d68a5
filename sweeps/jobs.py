"""What a worker does: it makes initial weights, trains a stretch of a trial, or scores one."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from models.pretraining.stage import Stage
from runs.records import TrialRecord
from sweeps.reports import Report
from sweeps.stages import train_stage
from sweeps.trial import Training, TrialContext, score_on_test, train_trial


@dataclass(frozen=True)
class JobContext:
    """What the jobs of a run have in common.

    Attributes:
        cache: where stages' weights are stored.
        pretraining_epochs: of each stage.
    """

    trials: TrialContext
    cache: Path
    pretraining_epochs: int


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
        slots, deadline = context.trials.slots, context.trials.deadline
        return train_stage(self.stage, context.pretraining_epochs, context.cache, slots, deadline)


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
        return train_trial(self.training, context.trials)


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
        return score_on_test(self.record, context.trials)


Job = MakeStage | Train | Score
