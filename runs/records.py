"""The JSON files of a run directory as types.

`run.json`: `RunRecord`. `trials/*/trial.json` and `repeats/*/trial.json`: `TrialRecord`.
`stages.json`: `StagesRecord`. `stops.json`: `StopsRecord`. `test.json`: `TestRecord`.
`latency.json`: `LatencyRecord`.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from runs.arms import Arm, Scalar
from runs.curves import Curve

FORMAT: Literal[2] = 2
"""Version of the files of a run directory. Raise it when a reader would misread the new ones."""

Status = Literal["running", "waiting", "done", "pruned", "stopped", "diverged", "failed"]
"""`waiting`: not in a slot, before its first epoch or at a rung; `pruned`: it never continued;
`stopped`: by hand."""
ENDED: tuple[Status, ...] = ("done", "pruned", "stopped", "diverged", "failed")

Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Scores = dict[str, Finite | None]
"""By metric, in [0, 1], higher is better; None where it is not defined."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _File(_Part):
    format: Literal[2] = FORMAT


class Budget(_Part):
    """How much the sweep may do; `epochs` at most in one trial, `hours` of one command."""

    trials: int
    epochs: int
    pretraining_epochs: int
    hours: Finite | None


class Repeats(_Part):
    """How many of the best arms are trained again, and under how many seeds each."""

    top: Annotated[int, Field(gt=0)]
    seeds: Annotated[int, Field(gt=0)]


class SkippedArm(_Part):
    """An arm that the plan left out.

    Attributes:
        arm: which.
        reason: why.
        remedy: what to do about it; the same for all arms that lack the like.
        lacking: what this arm lacks, of which the remedy speaks.
    """

    arm: Arm
    reason: str
    remedy: str = ""
    lacking: str = ""


class Cost(_Part):
    """What a machine costs."""

    usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Slots(_Part):
    """One of `count` slots, `per_machine` on each machine; `gpu` is a share.

    It is what trials held of whom nothing else is on record, see `TrialRecord.gpu`.
    """

    count: Annotated[int, Field(gt=0)]
    cpu: int
    gpu: float
    per_machine: Annotated[int, Field(gt=0)]

    def together(self, gpu: float) -> int:
        """How many trials of such shares ran on one GPU at once, or on a machine, at most."""
        if not gpu:
            return self.per_machine
        return min(math.ceil(self.per_machine * self.gpu / gpu), int(1 / gpu + 1e-4))

    def of(self, gpu: float | None) -> float:
        """How many slots a share of a GPU is; 1 without one."""
        return gpu / self.gpu if gpu and self.gpu else 1.0


class Machine(_Part):
    """What the command ran on; trials on a cluster may have run on other machines.

    Attributes:
        processor: its model name. Another one may round differently, and so lead to other trials.
        cores: that the operating system counts.
        gpus: their names.
    """

    processor: str
    cores: int
    gpus: tuple[str, ...]


class Domain(_Part):
    """Where a tuned value could lie: exactly one of the three is not None."""

    uniform: tuple[Finite, Finite] | None = None
    log_uniform: tuple[Annotated[Finite, Field(gt=0)], Finite] | None = None
    choice: tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _one_is_given(self) -> Self:
        if (self.uniform, self.log_uniform, self.choice).count(None) != 2:
            raise ValueError("exactly one of uniform, log_uniform and choice is given")
        return self

    @property
    def searched(self) -> bool:
        """Whether there was more than one value to choose from."""
        return self.choice is None or len(self.choice) > 1


class Reference(_Part):
    """One published row: the values of some factors, and scores."""

    arm: dict[str, Scalar]
    scores: Scores


class References(_Part):
    """Published scores that are shown beside ours."""

    source: str
    note: str
    rows: tuple[Reference, ...]


class ProbeRecord(_Part):
    """An arm in the screen before the run: frozen, and its best score on validation.

    Attributes:
        kept: whether it went on to the run.
    """

    arm: Arm
    score: Finite | None
    kept: bool


class ScalingRecord(_Part):
    """How stored values are scaled, for each band: see `DataRecord`."""

    stretch: tuple[tuple[Finite, ...], tuple[Finite, ...]] | None
    mean: tuple[Finite, ...]
    std: tuple[Finite, ...]


class BandRecord(_Part):
    """What a band measures.

    Attributes:
        name: as in `bands`.
        common: what all sensors call it.
        wavelength, width: of its response, µm.
        gsd: ground sampling distance, m.
    """

    name: str
    common: str | None = None
    wavelength: Finite | None = None
    width: Finite | None = None
    gsd: Finite | None = None


class DataRecord(_Part):
    """`data` of run.json: what the trials learned from, and how a model must be shown images.

    Attributes:
        name: of the data set.
        root: folder of its files; None of the embedded sample.
        cache: folder of the decoded splits.
        fingerprint: SHA-256 of what was used.
        counts: images of each split.
        classes: names of class ids 1, 2, ….
        colours: RGB of the classes for which the sweep chooses one.
        class_pixels: training pixels of class ids 0, 1, 2, …; empty without masks.
        class_areas: of each class id, all labelled pixels of the training images that hold it;
            empty without masks.
        class_images: training images of class ids 1, 2, …; empty where images are not labelled as a
            whole.
        multi_label: whether an image may have several such labels, or none.
        labels: masks, boxes, footprints, image labels: those that the data have.
        bands: names, in the order of the model's input.
        spectrum: what each of them measures; empty of runs that did not tell their models.
        rgb: positions of red, green and blue in `bands`.
        image_size: side of the model's input, px.
        window: median height and width, in pixels of the file, of what was resized to `image_size`.
        dtype: of stored values: uint8, uint16 or float32.
        stretch: for each band the stored values that become 0, and those that become 1.
        mean, std: of each band, after the stretch.
        nodata: stored value that holds no data; None: what each file declares.
        skipped_files: files that could not be used, and why.
        groups: positions in `bands` of those that an arm may choose together, by name.
        scalings: of arms with another stretch, by its text.
    """

    name: str
    root: str | None
    cache: str
    fingerprint: str
    counts: dict[str, int]
    classes: tuple[str, ...]
    colours: dict[str, tuple[int, int, int]] = {}
    class_pixels: tuple[int, ...]
    class_areas: tuple[int, ...]
    class_images: tuple[int, ...] = ()
    multi_label: bool = False
    labels: tuple[str, ...]
    bands: tuple[str, ...]
    spectrum: tuple[BandRecord, ...] = ()
    rgb: tuple[int, int, int] | None
    image_size: Annotated[int, Field(gt=0)]
    window: tuple[int, int]
    dtype: str
    stretch: tuple[tuple[Finite, ...], tuple[Finite, ...]] | None
    mean: tuple[Finite, ...]
    std: tuple[Finite, ...]
    nodata: Finite | None = None
    skipped_files: tuple[tuple[str, str], ...]
    groups: dict[str, tuple[int, ...]] = {}
    scalings: dict[str, ScalingRecord] = {}

    def seen_by(self, config: Mapping[str, Any]) -> Self:
        """The data as a training of this flat configuration saw them: its bands, its scaling."""
        bands, stretch = config.get("bands"), config.get("stretch")
        shown = self if stretch is None else self.model_copy(update=dict(self.scalings[stretch]))
        if bands is None:
            return shown
        of = self.groups[bands]
        rgb = self.rgb and tuple(of.index(band) for band in self.rgb if band in of)
        limits = shown.stretch
        update = {
            "bands": tuple(self.bands[band] for band in of),
            "rgb": rgb if rgb and len(rgb) == 3 else None,
            "stretch": limits and tuple(tuple(side[band] for band in of) for side in limits),
            "mean": tuple(shown.mean[band] for band in of),
            "std": tuple(shown.std[band] for band in of),
            "spectrum": tuple(self.spectrum[band] for band in of if self.spectrum),
        }
        return shown.model_copy(update=update)

    @property
    def neutral(self) -> NDArray[np.float64]:
        """Stored values [C] that are 0 once standardised: they stand where there is no data."""
        values = np.array(self.mean)
        if self.stretch is not None:
            low, high = np.array(self.stretch)
            values = low + values * (high - low)
        return values

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation [C] of stored values, within the stretch."""
        values = np.array(self.std)
        if self.stretch is not None:
            low, high = np.array(self.stretch)
            values = values * (high - low)
        return values


class RunRecord(_File):
    """`run.json`: what was compared, on what, with what.

    Attributes:
        name: of the sweep.
        metric: what trials are ranked by, on validation; one of `metrics`.
        metrics: all that validation is scored by. One of a single class is called `metric/class`.
        metric_over: what they count, on validation and test: tiles, or scenes stitched of them.
        sample: whether the data are the embedded synthetic sample.
        factors: what is compared: the keys of every arm.
        arms: those that were run, in the sweep's order.
        skipped: arms that were left out.
        probes: of all arms in the screen before the run, the best first; () without a screen.
        weights: of each of `arms`, the stage that made its initial weights; None for scratch.
        licences: of published weights, by the stage that read them.
        tune: where the tuned values could lie, by setting.
        parallel: slots of the virtual clock, in whose order the search decides.
        costs: what an epoch of each of `arms` costs on that clock.
        predicted: bytes that PyTorch holds of a GPU in a training of each of `arms`, as the plan
            predicted; None where it could not, () where no GPU was known.
        deterministic: whether GPUs were asked to compute the same twice.
        started: ISO 8601 time of the first command; `resumed`, of each later one.
        command: the latest one, as it was typed.
        file: the sweep file of the first command, by its absolute path.
        overrides: what the command lines gave so far, `key=value`.
        versions: of Python and of the packages that shape the result.
        git: commit of the code, with `+changes` if the tree differed; None outside git.
    """

    name: str
    task: str
    metric: str
    metrics: tuple[str, ...]
    sample: bool
    seed: int
    factors: tuple[str, ...]
    arms: tuple[Arm, ...]
    skipped: tuple[SkippedArm, ...]
    probes: tuple[ProbeRecord, ...] = ()
    weights: tuple[str | None, ...]
    licences: dict[str, str] = {}
    tune: dict[str, Domain]
    budget: Budget
    repeats: Repeats | None
    cost: Cost | None
    references: References | None
    slots: Slots
    parallel: Annotated[int, Field(gt=0)]
    costs: tuple[Annotated[int, Field(gt=0)], ...]
    predicted: tuple[int | None, ...] = ()
    data: DataRecord
    started: str
    resumed: tuple[str, ...]
    command: str
    metric_over: Literal["tiles", "scenes"] = "tiles"
    deterministic: bool = False
    file: str = ""
    overrides: tuple[str, ...] = ()
    machine: Machine
    versions: dict[str, str]
    git: str | None

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.metric not in self.metrics:
            raise ValueError(f"it ranks by {self.metric}, which its metrics do not list")
        for arm in (*self.arms, *(one.arm for one in self.skipped)):
            if set(arm) != set(self.factors):
                raise ValueError(f"the factors are {', '.join(self.factors)}, but an arm is {arm}")
        if len(set(self.arms)) < len(self.arms):
            raise ValueError("an arm is listed twice")
        if len(self.weights) != len(self.arms):
            raise ValueError(f"{len(self.weights)} weights for {len(self.arms)} arms")
        if len(self.costs) != len(self.arms):
            raise ValueError(f"{len(self.costs)} costs for {len(self.arms)} arms")
        for row in self.references.rows if self.references else ():
            if unknown := sorted(row.arm.keys() - set(self.factors)):
                raise ValueError(f"a reference has {', '.join(unknown)}, which is no factor")
        return self


class TrialRecord(_File):
    """`trial.json`: one configuration, trained. The engine changes it as training continues.

    Attributes:
        number: position in the order of proposals, from 0; of a repeat, in that of repeats.
        config: the flat configuration.
        tuned: names of the values of `config` that were searched.
        reason: why it failed or diverged, in a line.
        retries: how often it went on from its checkpoint after its worker was lost, or a file could
            not be read or written.
        gpu: the share of a GPU that it held last; None before, and without one.
        out_of_memory: how often that was too small: then it went on with twice the share, or on a
            whole GPU with half as many images at once.
        halved: how often these were halved, at the same effective batch.
        normalised: the kinds of its trained layers that normalise over the images at once, if
            these were halved.
        failed_with: its epochs when it failed, if `--retry-failed` has tried it again since: when
            the search proposed others, it took it for a failure; None if it was not.
        planned: how many trials the search was to propose when it proposed this one; None of a
            repeat.
        seen: its epochs before it was trained again from an earlier one: by them the search has
            decided; None if it was not.
        epochs: the metrics of each epoch; `seconds` is the time the slot was held for it, `time`
            the unix time when it ended.
        score: the ranking metric at `best_epoch`, whose weights are kept; None before the first
            scored epoch, and of a failure.
        seconds: of all epochs.
        device: what it was trained on; None before its first epoch.
        undetermined: operations in it that have no deterministic algorithm, where the sweep asks
            for them.
        architecture: hash of the names and shapes of its parameters.
        parameters: how many numbers the model has, frozen ones included.
        of: name of the trial that it repeats under another seed; None of a trial.
    """

    model_config = ConfigDict(extra="forbid", frozen=False)

    number: int
    name: str
    arm: Arm
    config: dict[str, Any]
    tuned: tuple[str, ...]
    status: Status = "waiting"
    reason: str | None = None
    retries: Annotated[int, Field(ge=0)] = 0
    gpu: Annotated[Finite, Field(gt=0, le=1)] | None = None
    out_of_memory: Annotated[int, Field(ge=0)] = 0
    halved: Annotated[int, Field(ge=0)] = 0
    normalised: tuple[str, ...] = ()
    failed_with: Curve | None = None
    planned: int | None = None
    seen: Curve | None = None
    epochs: Curve = Field(default_factory=Curve)
    score: Finite | None = None
    best_epoch: int | None = None
    seconds: Seconds = 0.0
    device: str | None = None
    undetermined: tuple[str, ...] = ()
    architecture: str | None = None
    parameters: int | None = None
    of: str | None = None

    @property
    def images_at_once(self) -> int:
        """How many go through the model at once."""
        images: int = self.config["batch_size"]
        for _ in range(self.halved):
            images = halved_batch(images) or 1
        return images

    @property
    def trained_as(self) -> dict[str, Any]:
        """`config` with the batches that it is really trained in."""
        if not self.halved:
            return self.config
        together = self.config.get("effective_batch") or self.config["batch_size"]
        return self.config | {"batch_size": self.images_at_once, "effective_batch": together}

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ENDED

    @property
    def reached(self) -> float:
        """The share of its epochs that it was trained, and scored; 1 only if it was finished."""
        return 1.0 if self.status == "done" else self.trained / max(self.config["epochs"], 1)

    @property
    def trained(self) -> int:
        """The last epoch that it was trained, without diverging; 0 before the first."""
        if not self.epochs:
            return 0
        return int(self.epochs[-1]["epoch"]) - (self.status == "diverged")


def halved_batch(images: int) -> int | None:
    """The largest part of a batch that it is a multiple of, below it; None of one image."""
    smaller = range(images // 2, 0, -1)
    return next((size for size in smaller if images % size == 0), None)


class StageRecord(_Part):
    """Initial weights that were trained for a run.

    Attributes:
        kind: how they are made: mae, distillation, ….
        arms: those that start from them.
        gpu: the share of a GPU that it holds; None without one, or of earlier versions.
    """

    name: str
    kind: str
    seconds: Seconds
    device: str
    arms: tuple[Arm, ...]
    gpu: Annotated[Finite, Field(gt=0, le=1)] | None = None


class StagesRecord(_File):
    """`stages.json`."""

    stages: tuple[StageRecord, ...] = ()


class ArmStop(_Part):
    """An arm that was stopped by hand.

    Attributes:
        since: the first number of a proposal that could not be of it.
        until: the first one that could be of it again; None while it is stopped.
    """

    arm: Arm
    since: Annotated[int, Field(ge=0)]
    until: int | None = None


class StopsRecord(_File):
    """`stops.json`. A trial that was stopped has it as its status."""

    arms: tuple[ArmStop, ...] = ()


class TestRecord(_File):
    """`test.json`: scores on test by name of a trial or repeat.

    Earlier versions also have `latency_ms` there: milliseconds of one image, median of five runs
    beside whatever else ran on the machine.
    """

    __test__ = False  # no test, whatever pytest makes of the name

    scores: dict[str, Scores] = {}


class BatchTimes(_Part):
    """How long a model took for a batch, over several runs.

    Attributes:
        images: of the batch.
        low, median, high: quartiles over the runs, in milliseconds.
    """

    images: Annotated[int, Field(gt=0)]
    runs: Annotated[int, Field(gt=0)]
    low: Milliseconds
    median: Milliseconds
    high: Milliseconds

    @property
    def images_per_s(self) -> float:
        """The throughput at the median."""
        return 1000 * self.images / self.median


class Latency(_Part):
    """How fast a model is, alone on the machine.

    Attributes:
        one: a batch of one image.
        full: a batch of the trial's batch size.
        device: what it ran on.
    """

    one: BatchTimes
    full: BatchTimes
    device: str


class LatencyRecord(_File):
    """`latency.json`: by name, those trials that are the best of their arms."""

    models: dict[str, Latency] = {}
