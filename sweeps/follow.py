"""Following a run: Ray's events are written into the ledger's records and shown."""

import re
import textwrap
from pathlib import Path
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.experiment import Trial

from runs.records import Status, TrialRecord
from sweeps.ledger import Ledger
from sweeps.pruning import PruneInOrder


class View(Protocol):
    """Shows a run in progress."""

    def stage_started(self, name: str) -> None:
        """A stage has started in its slot."""

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None:
        """A stage has finished an epoch."""

    def stage_done(self, name: str, seconds: float) -> None:
        """A stage's weights are in the store."""

    def trial_started(self, record: TrialRecord) -> None: ...

    def trial_epoch(self, record: TrialRecord) -> None: ...

    def trial_ended(self, record: TrialRecord) -> None: ...

    def scoring(self, trials: int) -> None:
        """The best trials, and the repeats, are being scored on test."""


class Follow(Callback):
    """Writes each trial's events into the ledger and shows them."""

    def __init__(self, ledger: Ledger, view: View, pruning: PruneInOrder | None) -> None:
        self.ledger, self.view, self.pruning = ledger, view, pruning
        self.diverged: set[int] = set()
        self.out_of_time: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Ray pickles callbacks for its own resuming, but a terminal cannot be pickled."""
        return {}

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has started in its slot."""
        self.view.trial_started(self._record(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A trial has finished an epoch."""
        record = self._record(trial)
        if result["diverged"]:
            self.diverged.add(record.number)
        if result["cut"]:
            self.out_of_time.add(record.number)
        described = (result[key] for key in ("device", "architecture", "parameters"))
        self.ledger.describe(record.number, *described)
        self.ledger.add_epoch(record.number, {"epoch": result["epoch"], **result["metrics"]})
        self.view.trial_epoch(record)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has ended or was pruned; one that is out of time will be resumed."""
        record = self._record(trial)
        if record.number in self.diverged:
            self._end(record, "diverged", "a loss or gradient was not finite")
        elif self.pruning is not None and record.number in self.pruning.pruned:
            self._end(record, "pruned")
        elif record.number not in self.out_of_time:
            self._end(record, "done")

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has raised, or its worker died."""
        self._end(self._record(trial), "failed", reason_of(trial))

    def _end(self, record: TrialRecord, status: Status, reason: str | None = None) -> None:
        self.ledger.close(record.number, status, reason)
        self.view.trial_ended(record)

    def _record(self, trial: Trial) -> TrialRecord:
        return self.ledger.records[trial.config["number"]]


def reason_of(trial: Trial) -> str:
    """The error of a trial in one line: its traceback from the line that names the error."""
    file = trial.error_file
    if not file or not Path(file).exists():
        return "its worker died and left no message"
    lines = [line.strip() for line in Path(file).read_text().splitlines() if line.strip()]
    names = re.compile(r"[\w.]+(Error|Exception|Interrupt|Exit)\b")
    named = [index for index, line in enumerate(lines) if names.match(line)]
    message = " ".join(lines[named[-1] if named else -1 :])
    return textwrap.shorten(message, 200, placeholder=" …") or "its error has no message"
