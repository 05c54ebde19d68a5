"""Of a run directory, what a trained model is built from: ``run.json`` and each ``trial.json``.

A *training* is a trial or a seed repeat of one: a folder with its record and, where they were
kept, its weights. Without torch.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.faults import ModelError, first_fault

WEIGHTS = "weights.safetensors"
NAMED = 8
"""Trainings that a message names."""

R = TypeVar("R", bound=BaseModel)


class DataRecord(BaseModel):
    """``data`` of run.json: what the model was shown.

    Attributes:
        counts: images of each split.
        classes: names of class ids 1, 2, ….
        bands: names, in the order of the model's input.
        rgb: positions of red, green and blue in `bands`.
        image_size: side of the model's input, px.
        window: height and width in pixels of the file that were resized to `image_size`.
        dtype: of stored values: uint8, uint16 or float32.
        stretch: for each band the stored values that become 0, and those that become 1.
        mean, std: of each band, after the stretch.
        class_pixels, class_areas: see `models.model.Classes`; empty without masks.
        skipped_files: files that could not be used, and why.
        cache: folder of the decoded splits.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    fingerprint: str
    counts: dict[str, int]
    classes: tuple[str, ...]
    bands: tuple[str, ...]
    rgb: tuple[int, int, int] | None
    image_size: int
    window: tuple[int, int]
    dtype: str
    stretch: tuple[tuple[float, ...], tuple[float, ...]] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_pixels: tuple[int, ...]
    class_areas: tuple[int, ...]
    skipped_files: tuple[tuple[str, str], ...]
    cache: Path
    root: str | None

    @property
    def neutral(self) -> NDArray[np.float64]:
        """Stored values [C] that are 0 once standardised: what stands in where there are none."""
        values = np.array(self.mean)
        if self.stretch is not None:
            low, high = np.array(self.stretch)
            values = low + values * (high - low)
        return values


class RunRecord(BaseModel):
    """``run.json``, as far as a model needs it; trainings are chosen by `metric`."""

    model_config = ConfigDict(frozen=True)

    name: str
    task: str
    metric: str
    metrics: tuple[str, ...]
    sample: bool
    seed: int
    factors: tuple[str, ...]
    arms: tuple[dict[str, Any], ...]
    data: DataRecord
    weights: dict[str, str | None]
    started: str
    command: str
    versions: dict[str, str]
    git: str | None


class TrainingRecord(BaseModel):
    """``trial.json``: one configuration, trained.

    Attributes:
        config: the flat configuration.
        score: `RunRecord.metric` on validation at `best_epoch`, whose weights are kept.
        parameters: of the model.
        of: the trial that this repeats with another seed; None for a trial.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    arm: dict[str, Any]
    config: dict[str, Any]
    tuned: tuple[str, ...]
    status: str
    score: float | None
    best_epoch: int | None
    epochs: tuple[dict[str, float | None], ...]
    seconds: float
    device: str | None = None
    parameters: int | None = None
    of: str | None = None


@dataclass(frozen=True)
class Training:
    """A record, and the folder it lies in."""

    folder: Path
    record: TrainingRecord

    @property
    def weights(self) -> Path:
        """Where its weights lie, if they were kept."""
        return self.folder / WEIGHTS

    @property
    def usable(self) -> bool:
        """Whether there are weights and a score that they reached."""
        return self.record.score is not None and self.weights.is_file()


def read_run(run: Path) -> RunRecord:
    """``run.json`` of a run directory.

    Raises:
        ModelError: it is not there, is damaged, or lacks what a model is built from.
    """
    if not (run / "run.json").is_file():
        raise ModelError(
            f"{run} is not a run directory, for it holds no run.json: name one folder of results/"
        )
    return _read(run / "run.json", RunRecord)


def choose_training(run: Path, name: str | None) -> Training:
    """The trial or repeat called `name`; without a name, the winner.

    The winner is what the ranking calls the best, on validation alone. Without repeats it is the
    trial with the highest score. With repeats it is the configuration with the highest mean score
    over its repeats, and of those the one with the highest score; the trial that was repeated is
    left out, for its score was the best of many. Only trainings whose weights are kept can be
    chosen.

    Raises:
        ModelError: there is no such training, or its weights are not there; it names those whose
            are.
    """
    if name is not None:
        return _named(run, name)
    repeats = _trainings(run, "repeats")
    if best := _best_repeated(repeats):
        candidates = [one for one in repeats if one.record.of == best]
    else:
        candidates = _trainings(run, "trials", with_weights=True)
    usable = [one for one in candidates if one.usable]
    if not usable:
        where = f"{run}: {best}, the best by its repeats," if best else f"{run}: no trial"
        raise ModelError(f"{where} has no weights{_those_with_weights(run)}")
    return max(usable, key=_score)


def repeats_of(run: Path, trial: str) -> list[TrainingRecord]:
    """The records of all seed repeats of a trial. ModelError: one is damaged."""
    return [one.record for one in _trainings(run, "repeats") if one.record.of == trial]


def _named(run: Path, name: str) -> Training:
    for kind in ("trials", "repeats"):
        if Path(name).name == name and (run / kind / name / "trial.json").is_file():
            found = Training(run / kind / name, _read(run / kind / name / "trial.json"))
            if found.usable:
                return found
            raise ModelError(f"{run}: {name} has no weights{_those_with_weights(run)}")
    raise ModelError(f"{run} has no trial '{name}'{_those_with_weights(run)}")


def _trainings(run: Path, kind: str, *, with_weights: bool = False) -> list[Training]:
    files = sorted(run.glob(f"{kind}/*/trial.json"))
    if with_weights:
        files = [file for file in files if (file.parent / WEIGHTS).is_file()]
    return [Training(file.parent, _read(file)) for file in files]


def _best_repeated(repeats: list[Training]) -> str | None:
    """The trial whose repeats have the highest mean score."""
    scores: dict[str, list[float]] = defaultdict(list)
    for one in repeats:
        if one.record.of is not None and one.record.score is not None:
            scores[one.record.of].append(one.record.score)
    return max(scores, key=lambda name: sum(scores[name]) / len(scores[name]), default=None)


def _score(training: Training) -> float:
    assert training.record.score is not None
    return training.record.score


def _those_with_weights(run: Path) -> str:
    files = [file for kind in ("trials", "repeats") for file in run.glob(f"{kind}/*/{WEIGHTS}")]
    names = sorted(file.parent.name for file in files)
    if not names:
        return "; the run has kept none: train it first"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"; there are weights of {', '.join(names[:NAMED])}{more}"


def _read(file: Path, kind: type[Any] = TrainingRecord) -> Any:
    try:
        return kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ModelError(
            f"{file} is damaged or of another version of this program "
            f"({first_fault(error)}): run the sweep again, or restore the file"
        ) from None
