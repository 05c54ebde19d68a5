"""What happened to each trial: one record a trial, kept as `trials/<name>/trial.json`.

The records are the run's only memory. The ranking is made of them, and so is `--resume`: the
search is asked again from the start and told what the ended trials gave.
"""

import contextlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sweeps.faults import SweepError
from sweeps.space import Arm, Config

ENDED = ("done", "pruned", "diverged", "failed")


@dataclass
class Record:
    """One trial.

    Attributes:
        number: its place in the order of proposals, from 0.
        config: what it was told.
        tuned: names of the config's searched values.
        status: running, or how it ended: done, pruned, diverged, failed.
        reason: why it failed or diverged, in a line.
        epochs: the metrics of each epoch; `seconds` is the time the slot was held for it.
        device: what it was trained on; None before its first epoch.
        architecture: hash of its parameters' names and shapes, see `models.architecture`.
        parameters: how many numbers it has, frozen ones included; None before its first epoch.
        score: the ranking metric at the best epoch; None before there is one, and of a failure.
        of: name of the trial that it repeats under another seed; None of a trial.
    """

    number: int
    name: str
    arm: Arm
    config: Config
    tuned: list[str]
    status: str = "running"
    reason: str | None = None
    epochs: list[dict[str, float]] = field(default_factory=list)
    score: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    device: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    of: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ENDED

    def add_epoch(self, metrics: dict[str, float], metric: str) -> None:
        """Take in an epoch. A trial that went on from a checkpoint repeats some: the last count."""
        kept = [epoch for epoch in self.epochs if epoch["epoch"] < metrics["epoch"]]
        self.epochs = [*kept, metrics]
        self.seconds = sum(epoch["seconds"] for epoch in self.epochs)
        scored = [epoch for epoch in self.epochs if metric in epoch]
        if scored:
            best = max(scored, key=lambda epoch: epoch[metric])
            self.score, self.best_epoch = best[metric], int(best["epoch"])

    def score_by(self, epoch: int, metric: str) -> float | None:
        """Best score up to and with `epoch`; None unless the trial got that far."""
        if not self.epochs or self.epochs[-1]["epoch"] < epoch:
            return None
        scores = [e[metric] for e in self.epochs if e["epoch"] <= epoch and metric in e]
        return max(scores, default=None)


class Ledger:
    """All records of a run's trials, or of its repeats, on disk and by number.

    Raises:
        SweepError: a record is damaged.
    """

    def __init__(
        self, run: Path, metric: str, kind: Literal["trials", "repeats"] = "trials"
    ) -> None:
        self.trials = run / kind
        self.metric = metric
        self.records: dict[int, Record] = {}
        for file in sorted(self.trials.glob("*/trial.json")):
            try:
                record = Record(**read_json(file))
            except TypeError:
                raise SweepError(f"{file} is damaged: it is no record of a trial") from None
            self.records[record.number] = record

    def open(self, record: Record) -> None:
        """Begin a trial, or go on with one that was cut short."""
        self.records.setdefault(record.number, record)
        self._write(record.number)

    def describe(self, number: int, device: str, architecture: str, parameters: int) -> None:
        """Note what a trial runs on and what it trains; its next epoch writes it down."""
        record = self.records[number]
        record.device, record.architecture = device, architecture
        record.parameters = parameters

    def add_epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Record an epoch's finite numbers; a metric that is not finite is not one."""
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        self.records[number].add_epoch(finite, self.metric)
        self._write(number)

    def close(self, number: int, status: str, reason: str | None = None) -> None:
        """Record how a trial ended, and delete what only a living trial needs."""
        record = self.records[number]
        record.status, record.reason = status, reason
        if status == "failed":  # when a worker died is chance: what it had reached does not count
            record.score = record.best_epoch = None
        self._write(number)
        (self.folder(number) / "resume.pt").unlink(missing_ok=True)
        if record.of is None:
            self._keep_best_weights(record)

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(record.ended for record in self.records.values())

    def out_of_time(self, deadline: float | None) -> bool:
        """Whether an epoch as long as the longest so far would end after `deadline`."""
        if deadline is None:
            return False
        records = self.records.values()
        longest = max((epoch["seconds"] for r in records for epoch in r.epochs), default=0.0)
        return time.time() + longest > deadline

    def folder(self, number: int) -> Path:
        """Where a trial keeps its record, weights and TensorBoard events."""
        return self.trials / self.records[number].name

    def best_of(self, arm: Arm) -> Record | None:
        """The arm's trial of highest score; the earlier of two alike."""
        scored = [
            r for r in self.records.values() if r.arm == arm and r.ended and r.score is not None
        ]
        return max(scored, key=lambda r: (r.score, -r.number), default=None)

    def _keep_best_weights(self, record: Record) -> None:
        """Of an arm, only the best trial's weights are kept: the others would fill the disk."""
        best = self.best_of(record.arm)
        for other in self.records.values():
            if other.arm == record.arm and other.ended and other is not best:
                (self.folder(other.number) / "weights.safetensors").unlink(missing_ok=True)

    def _write(self, number: int) -> None:
        folder = self.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "trial.json", asdict(self.records[number]))


def read_json(file: Path) -> dict[str, Any]:
    """A file that holds a JSON object. SweepError: it does not."""
    try:
        content = json.loads(file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SweepError(f"{file} is damaged: {error}; bring it back, or start a new run") from None
    if not isinstance(content, dict):
        raise SweepError(
            f"{file} is damaged: it holds no object; bring it back, or start a new run"
        )
    return content


def write_json(file: Path, content: Any) -> None:
    """Write `content` as JSON, whole."""
    write_whole(file, json.dumps(content, indent=1, allow_nan=False))


def write_whole(file: Path, text: str) -> None:
    """Write `file` whole: a reader sees the old content or the new, never half of it."""
    with whole_file(file) as partial:
        partial.write_text(text)


@contextlib.contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Where to write what becomes `file` when the block ends; a block that raises leaves it."""
    partial = file.with_name(f".{file.name}.partial")
    yield partial
    partial.replace(file)
