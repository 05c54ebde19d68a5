"""The records of a run's trials while it runs: how they change, and when they are written.

The records are the run's only memory. The ranking is made of them, and so is `--resume`: the
search proposes everything again from the start and is given the results of the ended trials.
"""

import math
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from runs.curves import Curve
from runs.directory import Group, RunDirectory
from runs.records import Status, TrialRecord
from runs.winner import ArmStanding, rank_records
from sweeps.out_of_memory import Relief
from sweeps.resuming import RESUME_FILE, ResumeFile
from sweeps.sync import NO_SYNC, UNFINISHED, Sync


class Ledger:
    """All records of a run's trials, or of its repeats: in memory by number, and on disk.

    Args:
        metric: decides which epoch and which trial is best.
        sync: brings what workers on other nodes have written.

    Raises:
        RunDirectoryError: a record is damaged.
    """

    def __init__(
        self,
        directory: RunDirectory,
        metric: str,
        group: Group = "trials",
        sync: Sync = NO_SYNC,
    ) -> None:
        self.directory, self.metric, self.group, self.sync = directory, metric, group, sync
        records = directory.trials() if group == "trials" else directory.repeats()
        self.records: dict[int, TrialRecord] = {record.number: record for record in records}
        self._best = {arm.arm: arm.trial for arm in self.standings()}
        self._longest_epoch_s = max(
            (epoch["seconds"] for record in records for epoch in record.epochs), default=0.0
        )

    def open(self, record: TrialRecord) -> None:
        """Add a trial that will be trained, unless it is on record."""
        if record.number not in self.records:
            self.records[record.number] = record
            self.directory.write_training(record)

    def begin(self, number: int, gpu: float) -> None:
        """A trial is in a slot: for the first time, again after a pause or an interruption.

        Args:
            gpu: the share of a GPU that it holds; 0 without one.
        """
        record = self.records[number]
        record.status, record.reason, record.gpu = "running", None, gpu or None
        self.directory.write_training(record)

    def pause(self, number: int) -> None:
        """A trial has left its slot, and is not finished."""
        record = self.records[number]
        record.status = "waiting"
        self.directory.write_training(record)
        self.sync.collect(self.folder(number), without=UNFINISHED)

    def try_again(self, number: int) -> None:
        """A trial has lost its worker or its files, and waits to go on from its checkpoint."""
        self.records[number].retries += 1
        self.pause(number)

    def relieve(self, number: int, relief: Relief) -> None:
        """A trial has run out of a GPU's memory, and waits to go on with what it gets."""
        record = self.records[number]
        record.gpu, record.out_of_memory = relief.slot.gpu, record.out_of_memory + 1
        if relief.halved > record.halved:
            record.halved, record.normalised = relief.halved, relief.norms
        self.pause(number)

    def reopen(self, number: int) -> None:
        """A trial that has failed will be trained again, from the start."""
        record = self.records[number]
        if record.failed_with is None:
            record.failed_with = seen(record)
        record.reason, record.epochs, record.seconds, record.seen = None, Curve(), 0.0, None
        self.pause(number)

    def forget(self, number: int) -> None:
        """Delete what a trial resumes from. Should it continue after all, it is trained again."""
        unfinished = self.folder(number) / RESUME_FILE
        ResumeFile(unfinished).remove()
        self.sync.discard(unfinished)

    def describe(
        self,
        number: int,
        device: str,
        architecture: str,
        parameters: int,
        undetermined: Iterable[str] = (),
    ) -> None:
        """Note what a trial runs on and what it trains; written with its next epoch."""
        record = self.records[number]
        record.undetermined = tuple(sorted({*record.undetermined, *undetermined}))
        record.device, record.architecture = device, architecture
        record.parameters = parameters

    def add_epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Record the finite metrics of an epoch.

        A trial that was resumed from a checkpoint repeats some epochs: the new ones replace the
        old ones, except for the search, which may have decided by them.
        """
        record = self.records[number]
        if record.epochs and record.epochs[-1]["epoch"] >= metrics["epoch"]:
            record.seen = seen(record)
        kept = [epoch for epoch in record.epochs if epoch["epoch"] < metrics["epoch"]]
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        epochs = [*kept, finite]
        record.epochs = Curve(epochs)
        record.seconds = sum(epoch["seconds"] for epoch in epochs)
        if scored := [epoch for epoch in epochs if self.metric in epoch]:
            best = max(scored, key=lambda epoch: epoch[self.metric])
            record.score, record.best_epoch = best[self.metric], int(best["epoch"])
        self._longest_epoch_s = max(self._longest_epoch_s, metrics["seconds"])
        self.directory.write_training(record)

    def close(self, number: int, status: Status, reason: str | None = None) -> None:
        """Record how a trial ended, and delete the files that only an unfinished trial needs."""
        record = self.records[number]
        record.status, record.reason = status, reason
        if status == "failed":  # it is chance in which epoch a worker dies: no score counts
            record.score = record.best_epoch = None
        self.directory.write_training(record)
        self.forget(number)
        if self.group == "trials":
            self._keep_best_weights(record)
        self.sync.collect(self.folder(number))

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(record.ended for record in self.records.values())

    def out_of_time(self, deadline: float | None) -> bool:
        """Whether an epoch as long as the longest so far would end after `deadline`.

        Args:
            deadline: by `time.monotonic`; None for never.
        """
        return deadline is not None and time.monotonic() + self._longest_epoch_s > deadline

    def folder(self, number: int) -> Path:
        """Where a trial keeps its record, weights and TensorBoard events."""
        return self.directory.folder(self.records[number])

    def standings(self, repeats: "Ledger | None" = None) -> list[ArmStanding]:
        """The arms by their ended trials, and `repeats` of these, best first: `runs.winner`."""
        return rank_records(
            [record for record in self.records.values() if record.ended],
            list(repeats.records.values()) if repeats else [],
        )

    def _keep_best_weights(self, ended: TrialRecord) -> None:
        """Of the ended trials of an arm, only the best keeps its weights: they fill the disk."""
        best = self._best.get(ended.arm)  # it runs again if it was resumed
        of_both = [record for record in (best, ended) if record is not None and record.ended]
        ranked = rank_records(list({record.number: record for record in of_both}.values()))
        if ranked:
            self._best[ended.arm] = ranked[0].trial
        for record in of_both:
            if not ranked or record is not ranked[0].trial:
                weights = self.directory.weights_file(record)
                weights.unlink(missing_ok=True)
                self.sync.discard(weights)


def seen(record: TrialRecord) -> Curve:
    """The epochs by which the search decides: of one that was repeated, as it first was."""
    first = record.seen or Curve()
    done = first[-1]["epoch"] if first else -1
    return Curve([*first, *(epoch for epoch in record.epochs if epoch["epoch"] > done)])


def reached(record: TrialRecord, epoch: int) -> bool:
    """Whether a training has come to the end of `epoch` without diverging."""
    return len(record.epochs) > 0 and record.trained >= epoch


def best_by(record: TrialRecord, metric: str) -> list[tuple[int, float]]:
    """After each scored epoch, the best score so far: (epoch, score)."""
    numbers, scores = record.epochs.column("epoch"), record.epochs.column(metric)
    scored = ~np.isnan(scores)
    best = np.maximum.accumulate(scores[scored])
    return list(zip(numbers[scored].astype(int).tolist(), best.tolist(), strict=True))
