"""What a run tells about its progress; `sweeps.views` shows it."""

from collections.abc import Collection
from typing import Protocol

from runs.arms import Arm
from runs.records import TrialRecord


class View(Protocol):
    """Shows a run in progress."""

    def stage_started(self, name: str) -> None:
        """A stage is in its slot."""

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None:
        """A stage has finished an epoch."""

    def stage_done(self, name: str, seconds: float) -> None:
        """A stage's weights are in the store."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial or repeat is in its slot, for the first time or again."""

    def trial_epoch(self, record: TrialRecord) -> None:
        """It has finished an epoch."""

    def trial_paused(self, record: TrialRecord) -> None:
        """It has come to a rung, and waits."""

    def trial_ended(self, record: TrialRecord) -> None:
        """It is finished, or was stopped by hand, has diverged or failed."""

    def stage_left(self, name: str) -> None:
        """A stage that no arm needs any more has left its slot, unfinished."""

    def lost(self, name: str, why: str) -> None:
        """A stage, trial, repeat, scoring or timing has lost its worker or files: again."""

    def arms_stopped(self, arms: Collection[Arm]) -> None:
        """The arms that are stopped by hand from now on; others are not, or no longer."""

    def scoring(self, name: str, left: int) -> None:
        """A trial or repeat is being scored on test; `left` others that have ended will be."""

    def timing(self, name: str, left: int) -> None:
        """The model of a trial is being timed, alone; `left` others will be."""
