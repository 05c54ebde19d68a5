"""The plan: all that is settled before the first trial. Whatever can fail early fails here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from datasets import DATASETS, Prepared, Tiling, prepare, resolve_bands, sample
from models.backbones import UnknownBackboneError
from models.heads.detectron2_detector import EngineMissingError
from models.pretraining.audit import WeightsDoNotFitError
from models.pretraining.hub import WeightsUnavailableError
from models.tasks import TASKS
from sweeps.build import model_for
from sweeps.faults import SweepError, nearest
from sweeps.ledger import read_json
from sweeps.repeats import repeats_planned
from sweeps.schema import Dataset, Sweep
from sweeps.search import trials_planned
from sweeps.slots import DoesNotFitError, Machine, Slots, share_out
from sweeps.space import Arm, arm_label, arms_of, complete, settings_of
from sweeps.stages import Stage, import_weights, in_order, stage_for


@dataclass(frozen=True)
class Skipped:
    """An arm that is left out, and why."""

    arm: Arm
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        run: the run directory.
        cache: folder of decoded data, samples and initial weights.
        arms: the arms that can be had.
        skipped: the arms that cannot, where the sweep says `unavailable: skip`.
        starts: for each arm's label, the stage that its weights come from; None for scratch.
        stages: what has to be there before the trials, parents first.
        lag: see `Slots.lag`; a run keeps the one it was begun with, wherever it is gone on with.
    """

    sweep: Sweep
    run: Path
    cache: Path
    data: Prepared
    slots: Slots
    arms: list[Arm]
    skipped: list[Skipped]
    starts: dict[str, Stage | None]
    stages: list[Stage]
    lag: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that validation is scored by."""
        return TASKS[self.sweep.task].metrics_on(self.data.classes, self.data.labels)

    @property
    def trials(self) -> int:
        """Number of trials."""
        return trials_planned(self.sweep, self.arms)

    @property
    def trainings(self) -> int:
        """Number of trials and of their repeats."""
        return self.trials + repeats_planned(self.sweep, self.arms)

    @property
    def missing(self) -> list[Stage]:
        """Stages whose weights have still to be made."""
        return [stage for stage in self.stages if stage.stored(self.cache) is None]

    def served_by(self, stage: Stage) -> list[str]:
        """Labels of the arms whose initial weights need `stage`."""
        return [label for label, start in self.starts.items() if start and stage in start.lineage()]

    def weights_of(self, arm: Arm) -> Path | None:
        """Folder of the initial weights of `arm`; None for scratch."""
        stage = self.starts[arm_label(arm)]
        if stage is None:
            return None
        stored = stage.stored(self.cache)
        assert stored is not None, f"{stage.name} has not been made"
        return stored.folder


def make_plan(
    sweep: Sweep, results: Path, cache: Path, machines: list[Machine], *, resume: bool = False
) -> Plan:
    """Find and check data, weights and slots; to `resume` a run, that they are as it was begun.

    Raises:
        SweepError: what cannot be had, in a sentence that says what to do.
        DataError: the same, of data; it names every bad file.
    """
    try:
        slots = share_out(sweep.resources, machines)
    except DoesNotFitError as error:
        raise SweepError(str(error)) from None
    data = _prepare(sweep.dataset, cache)
    source = _prepare_source(sweep, data, cache)
    _check_metric(sweep, data)
    _check_models(sweep, data)
    _check_labels(sweep, data)
    starts: dict[str, Stage | None] = {}
    skipped = []
    arms = []
    for arm in arms_of(sweep):
        try:
            starts[arm_label(arm)] = _start(sweep, data, source, arm, cache)
            arms.append(arm)
        except (WeightsUnavailableError, WeightsDoNotFitError) as error:
            skipped.append(Skipped(arm, str(error)))
    if skipped and (sweep.unavailable == "error" or not arms):
        raise SweepError(_unavailable(skipped, len(arms)))
    run = results / sweep.name
    lag = slots.lag
    if resume and (begun := read_info(run)) is not None:
        arms, late = _arms_as_begun(begun, arms, data, run)
        skipped += late
        lag = begun["lag"]
    needed = (starts[arm_label(arm)] for arm in arms)
    stages = in_order(stage for stage in needed if stage is not None)
    return Plan(sweep, run, cache, data, slots, arms, skipped, starts, stages, lag)


def read_info(run: Path) -> dict[str, Any] | None:
    """What `run.json` says of a run that was begun; None if there is none."""
    file = run / "run.json"
    if not file.exists():
        return None
    info = read_json(file)
    if lacking := {"arms", "data", "lag", "started", "resumed"} - info.keys():
        raise SweepError(f"{file} lacks {', '.join(sorted(lacking))}: another version wrote it")
    return info


def _arms_as_begun(
    begun: dict[str, Any], arms: list[Arm], data: Prepared, run: Path
) -> tuple[list[Arm], list[Skipped]]:
    """The arms that a run was begun with, and those that can be had only now, which stay out.

    Raises:
        SweepError: the run that is gone on with would not be the one that was begun.
    """
    before = [arm_label(arm) for arm in begun["arms"]]
    now = [arm_label(arm) for arm in arms]
    if lost := [label for label in before if label not in now]:
        raise SweepError(
            f"{run} was begun with weights of {', '.join(lost)}, which cannot be had now: "
            "bring them back, or start a new run"
        )
    if begun["data"]["fingerprint"] != data.fingerprint:
        raise SweepError(f"the data have changed since {run} was begun: start a new run")
    reason = "its weights could not be had when the run was begun; a new run compares it too"
    late = [Skipped(arm, reason) for arm in arms if arm_label(arm) not in before]
    return [arm for arm in arms if arm_label(arm) in before], late


def _prepare(spec: Dataset, cache: Path) -> Prepared:
    source = DATASETS[spec.name]
    return prepare(
        source,
        sample(spec.name, cache) if spec.root is None else spec.root,
        bands=resolve_bands(source, spec.bands),
        image_size=spec.image_size,
        min_area=spec.min_area,
        tiling=None if spec.tile is None else Tiling(spec.tile, spec.overlap),
        ignore_index=spec.ignore_index,
        stretch=spec.stretch,
        split_fractions=(spec.split.val, spec.split.test),
        split_seed=spec.split.seed,
        remake_split=spec.split.remake,
        with_objects_only=spec.only_with_objects,
        skip_bad=spec.skip_bad,
        cache=cache,
    )


def _prepare_source(sweep: Sweep, data: Prepared, cache: Path) -> Prepared | None:
    """The data of `weights.source`, where the sweep names any; they must look like the sweep's own.

    Raises:
        SweepError: one model cannot be for both.
    """
    if sweep.weights.source is None:
        return None
    source = _prepare(sweep.weights.source.dataset, cache)
    for what in ("classes", "image_size"):
        theirs, ours = getattr(source, what), getattr(data, what)
        if theirs != ours:
            raise SweepError(
                f"weights.source.dataset has {what} {theirs}, the sweep's own has {ours}: "
                "a model is carried over only between data that agree in that"
            )
    if len(source.bands) != len(data.bands):
        raise SweepError(
            f"weights.source.dataset.bands gives {len(source.bands)} bands, dataset.bands "
            f"{len(data.bands)}: name as many"
        )
    return source


def _check_metric(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if the metric is of a class that the data do not have."""
    known = TASKS[sweep.task].metrics_on(data.classes, data.labels)
    if sweep.metric not in known:
        hint = nearest(sweep.metric, known)
        raise SweepError(f"metric: {sweep.dataset.name} gives no '{sweep.metric}'{hint}")


def _check_labels(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if a split has nothing to find."""
    label = TASKS[sweep.task].needs
    if splits := data.without(label):
        what, remedy = {
            "boxes": (
                f"an object of at least {sweep.dataset.min_area:g} px²",
                "lower dataset.min_area, or ",
            ),
            "masks": (f"a pixel of {' or '.join(data.classes)}", ""),
        }[label]
        raise SweepError(
            f"no image of {' and '.join(splits)} holds {what}: nothing can be learned or scored; "
            f"{remedy}choose other splits"
        )


def _check_models(sweep: Sweep, data: Prepared) -> None:
    """Build the model of each arm, without weights, so that none fails in its trial.

    Raises:
        SweepError: a head that does not go with its backbone, or an option with the classes.
    """
    for arm in arms_of(sweep):
        try:
            with torch.device("meta"):
                model_for(sweep.task, complete(sweep, arm), data)
        except (UnknownBackboneError, EngineMissingError, ValueError) as error:
            raise SweepError(f"arm {arm_label(arm)}: {error}") from None


def _start(
    sweep: Sweep, data: Prepared, source: Prepared | None, arm: Arm, cache: Path
) -> Stage | None:
    """The arm's stage; weights that are only imported are imported here, all along its lineage."""
    settings = settings_of(sweep, arm)
    named = sweep.weights.checkpoints.get(settings.pretraining)
    if named is not None and named.backbone not in (None, settings.backbone):
        raise WeightsUnavailableError(
            f"weights.checkpoints.{settings.pretraining} is of {named.backbone}"
        )
    stage = stage_for(sweep, data, source, arm)
    for needed in stage.lineage() if stage else []:
        if needed.file is not None:
            import_weights(needed, cache)
    return stage


def _unavailable(skipped: list[Skipped], others: int) -> str:
    lines = [f"weights of {len(skipped)} arms cannot be had:"]
    lines += [f"  {arm_label(one.arm)}: {one.reason}" for one in skipped]
    if others:
        lines.append(f"put them there, or say `unavailable: skip` to run the other {others} arms")
    return "\n".join(lines)
