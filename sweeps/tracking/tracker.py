"""What a tracker is given, and what it does with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runs.curves import curve_tag
from runs.directory import RunDirectory
from runs.records import RunRecord, TrialRecord

if TYPE_CHECKING:
    import pandas as pd

UNSENT = -1
"""Before the first epoch, also before epoch 0 of a trial that is scored untrained."""


class Epoch(NamedTuple):
    """What a tracker logs of one epoch: `time` is unix time in seconds, `values` are by tag."""

    number: int
    time: float
    values: dict[str, float]


@dataclass(frozen=True)
class Followed:
    """The run that is tracked."""

    directory: RunDirectory

    @cached_property
    def record(self) -> RunRecord:
        """`run.json`."""
        return self.directory.run()

    @property
    def key(self) -> str:
        """What tells this run directory from all others: `landcover_swin 2026-01-02T03:04:05`."""
        return f"{self.record.name} {self.record.started.partition('+')[0]}"

    @property
    def facts(self) -> dict[str, Any]:
        """What all trials of the run have in common."""
        record = self.record
        return {
            "task": record.task,
            "metric": record.metric,
            "factors": ", ".join(record.factors),
            "dataset": record.data.name,
            "sample": record.sample,
            "fingerprint": record.data.fingerprint,
            "seed": record.seed,
            "git": record.git or "none",
        }


@dataclass(frozen=True)
class Update:
    """What is new of a trial or repeat.

    Attributes:
        record: as it is now.
        since: the last epoch that was sent before.
        metrics: names of the validation metrics; the other numbers of an epoch are of training.
        picture: predictions at its best epoch, if they are to be sent.
        test: scores on test, if they are to be sent.
    """

    record: TrialRecord
    since: int
    metrics: tuple[str, ...]
    picture: Path | None
    test: Mapping[str, float]

    @property
    def settings(self) -> dict[str, Any]:
        """Parameters of the run: the factors of its arm, and its flat configuration."""
        return {**self.record.arm, **self.record.config}

    @property
    def labels(self) -> dict[str, str]:
        """Texts to filter by: `kind` is trial or repeat; of a repeat, `of` is its trial."""
        record = self.record
        repeated = {"of": record.of} if record.of else {}
        return {"kind": "repeat" if record.of else "trial", "arm": record.arm.title, **repeated}

    @property
    def state(self) -> dict[str, str]:
        """Its status, and why it failed or diverged."""
        reason = {"reason": self.record.reason} if self.record.reason else {}
        return {"status": self.record.status, **reason}

    @property
    def summary(self) -> dict[str, float]:
        """Its best score and what it cost, once it has ended, and scores on test."""
        record = self.record
        ended = {} if record.score is None or not record.ended else {"best": record.score}
        spent = {"total_seconds": record.seconds} if record.ended else {}
        return ended | spent | {f"test/{name}": value for name, value in self.test.items()}

    def epochs(self, since: int) -> Iterator[Epoch]:
        """The epochs after `since`, with the tags that TensorBoard shows."""
        for row in self.record.epochs:
            if row["epoch"] > since:
                values = {
                    curve_tag(name, self.metrics): value
                    for name, value in row.items()
                    if name not in ("epoch", "time")
                }
                yield Epoch(int(row["epoch"]), row["time"], values)


@dataclass(frozen=True)
class Outcome:
    """How a run has ended.

    Attributes:
        ranking: a row an arm, best first, see `analysis.rank_arms`; None where a value is missing.
        files: the ranking as CSV, the report, the sweep.
        pictures: what the winner finds in test images, best to worst.
        model: a run directory that holds the winner alone: `python -m deploy` uses it as any other.
        winner: name of the training.
    """

    ranking: "pd.DataFrame"
    files: tuple[Path, ...]
    pictures: tuple[Path, ...]
    model: Path
    winner: str


class Tracker(Protocol):
    """An experiment tracker for one run; it is made with what is `Followed`.

    Attributes:
        where: what is sent to; after a change everything is sent again.
        look: the command or the address that shows it; known when it is open.
        failures: what its library raises when what it is sent to cannot be used.
    """

    where: str
    look: str
    failures: tuple[type[Exception], ...]

    def open(self) -> None:
        """Begin a run of the sweep itself, or find it again."""

    def send(self, update: Update) -> None:
        """Bring the tracked run of a trial or repeat up to date; the first time, begin it."""

    def conclude(self, outcome: Outcome) -> None:
        """Send the ranking and the winner's model to the run of the sweep itself."""

    def close(self) -> None:
        """Send what is still in memory."""
