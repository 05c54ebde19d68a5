"""A run directory: where its files lie, reading and writing them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from runs.digests import DamagedError, with_digest, without_digest
from runs.errors import EosweepError, did_you_mean, first_fault
from runs.files import write_text
from runs.records import (
    FORMAT,
    ArmStop,
    LatencyRecord,
    RunRecord,
    StageRecord,
    StagesRecord,
    StopsRecord,
    TestRecord,
    TrialRecord,
)
from runs.winner import rank_records

Group = Literal["trials", "repeats"]
GROUPS: tuple[Group, ...] = ("trials", "repeats")
"""The folders that hold a run's trainings."""

WEIGHTS = "weights.safetensors"
"""In a training's folder: the weights of its best epoch."""

PICTURE = "predictions.png"
"""In a training's folder: what it found at its best epoch in a few validation images."""

R = TypeVar("R", bound=BaseModel)


class RunDirectoryError(EosweepError):
    """A run directory, or a file in it, is not there or cannot be used."""


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run.

    Every reading method raises `RunDirectoryError` if a file is missing, damaged, half-written or
    of a newer format: one sentence with the file and the field.
    """

    path: Path

    @property
    def run_file(self) -> Path:
        """What was compared, on what, with what."""
        return self.path / "run.json"

    @property
    def sweep_file(self) -> Path:
        """The sweep as it was run."""
        return self.path / "sweep.yaml"

    @property
    def study_file(self) -> Path:
        """Optuna's study, which optuna-dashboard opens."""
        return self.path / "study.journal"

    @property
    def requests_folder(self) -> Path:
        """What is to be stopped: an empty file for each arm or trial, see `sweeps.stops`."""
        return self.path / "stop"

    def folder(self, training: TrialRecord) -> Path:
        """Where a trial or repeat keeps what is its own."""
        return self.folder_of("trials" if training.of is None else "repeats", training.name)

    def folder_of(self, group: Group, name: str) -> Path:
        """The same by name, without a record."""
        return self.path / group / name

    def weights_file(self, training: TrialRecord) -> Path:
        """The weights of its best epoch, if they were kept."""
        return self.folder(training) / WEIGHTS

    def tally_file(self, training: TrialRecord) -> Path:
        """What was counted in each test image, if it was scored on test; see `runs.tallies`."""
        return self.folder(training) / "test.npz"

    def predictions_file(self, training: TrialRecord) -> Path:
        """What was found in each test image, if it was scored; see `runs.predictions`."""
        return self.folder(training) / "predictions.h5"

    def begun(self) -> bool:
        """Whether there is a `run.json`."""
        return self.run_file.is_file()

    def run(self) -> RunRecord:
        """`run.json`."""
        if not self.path.is_dir():
            raise RunDirectoryError(f"there is no run directory {self.path}")
        if not self.begun():
            raise RunDirectoryError(
                f"{self.path} is not a run directory, because it has no run.json: "
                "name one folder of results/"
            )
        return read_record(self.run_file, RunRecord)

    def write_run(self, record: RunRecord) -> None:
        """Write `run.json`."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_record(self.run_file, record)

    def trials(self) -> list[TrialRecord]:
        """The records of all trials, by number."""
        return self._trainings("trials")

    def repeats(self) -> list[TrialRecord]:
        """The records of all seed repeats, by number."""
        repeats = self._trainings("repeats")
        for repeat in repeats:
            if repeat.of is None or not isinstance(repeat.config.get("seed"), int):
                file = self.folder_of("repeats", repeat.name) / "trial.json"
                raise RunDirectoryError(f"{file} is damaged: a repeat has `of` and `config.seed`")
        return repeats

    def write_training(self, record: TrialRecord) -> None:
        """Write the `trial.json` of a trial or repeat."""
        folder = self.folder(record)
        folder.mkdir(parents=True, exist_ok=True)
        write_record(folder / "trial.json", record)

    def stages(self) -> tuple[StageRecord, ...]:
        """`stages.json`; empty before the stages are made."""
        return self._optional("stages.json", StagesRecord).stages

    def write_stages(self, stages: Iterable[StageRecord]) -> None:
        """Write `stages.json`."""
        write_record(self.path / "stages.json", StagesRecord(stages=tuple(stages)))

    def stops(self) -> tuple[ArmStop, ...]:
        """`stops.json`: the arms that were stopped by hand, in this order."""
        return self._optional("stops.json", StopsRecord).arms

    def write_stops(self, arms: Iterable[ArmStop]) -> None:
        """Write `stops.json`."""
        write_record(self.path / "stops.json", StopsRecord(arms=tuple(arms)))

    def test(self) -> TestRecord:
        """`test.json`; empty before the search has ended."""
        return self._optional("test.json", TestRecord)

    def write_test(self, record: TestRecord) -> None:
        """Write `test.json`."""
        write_record(self.path / "test.json", record)

    def latency(self) -> LatencyRecord:
        """`latency.json`; empty before the scoring has ended."""
        return self._optional("latency.json", LatencyRecord)

    def write_latency(self, record: LatencyRecord) -> None:
        """Write `latency.json`."""
        write_record(self.path / "latency.json", record)

    def training(self, name: str | None = None) -> TrialRecord:
        """The trial or repeat called `name`; without a name, the winner (see `runs.winner`).

        Raises:
            RunDirectoryError: also if there is no such training, or no trial has a score.
        """
        trials, repeats = self.trials(), self.repeats()
        if name is not None:
            known = {record.name: record for record in (*trials, *repeats)}
            if name not in known:
                raise RunDirectoryError(
                    f"{self.path} has no trial or repeat '{name}'{did_you_mean(name, known)}"
                )
            return known[name]
        ranked = rank_records(trials, repeats)
        if not ranked:
            raise RunDirectoryError(f"{self.path}: no trial has a score")
        return ranked[0].model

    def _trainings(self, group: Group) -> list[TrialRecord]:
        files = sorted((self.path / group).glob("*/trial.json"))
        records = [read_record(file, TrialRecord) for file in files]
        for record, file in zip(records, files, strict=True):
            if record.name != file.parent.name:
                raise RunDirectoryError(f"{file} is damaged: its name is {record.name}")
        _check_numbers(self.path / group, records)
        return sorted(records, key=lambda record: record.number)

    def _optional(self, name: str, kind: type[R]) -> R:
        file = self.path / name
        return read_record(file, kind) if file.exists() else kind()


def read_record(file: Path, kind: type[R]) -> R:
    """What a JSON file of a run directory holds.

    Raises:
        RunDirectoryError: naming the file and the field.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunDirectoryError(f"{file} cannot be read: {error.strerror}") from None
    try:
        content = without_digest(content)
    except DamagedError as error:
        raise RunDirectoryError(
            f"{file} is damaged or was changed by hand ({error}): restore it, or start a new run"
        ) from None
    if b'"format"' not in content:
        raise RunDirectoryError(
            f"{file} has no format: it is damaged, or an earlier version of this program wrote it; "
            "restore it, or start a new run"
        )
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        for fault in error.errors():
            if fault["loc"] == ("format",) and isinstance(fault["input"], int):
                raise RunDirectoryError(
                    f"{file}: format {fault['input']} is not the one that this program reads, "
                    f"{FORMAT}: use the version that wrote it"
                ) from None
        raise RunDirectoryError(
            f"{file} is damaged ({first_fault(error)}): restore it, or start a new run"
        ) from None


def write_record(file: Path, record: BaseModel) -> None:
    """Write a record as JSON with its digest, whole."""
    write_text(file, with_digest(record.model_dump_json(indent=1) + "\n"))


def _check_numbers(folder: Path, records: Sequence[TrialRecord]) -> None:
    names: dict[int, str] = {}
    for record in records:
        if record.number in names:
            raise RunDirectoryError(
                f"{folder} holds number {record.number} twice: {names[record.number]} and "
                f"{record.name}"
            )
        names[record.number] = record.name
