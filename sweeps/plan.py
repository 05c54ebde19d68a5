"""The plan: all that is known before the first trial. What can fail early fails here."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from datasets import Prepared
from datasets.options import Dataset, prepare_dataset
from models.build import model_for
from models.flops import epoch_cost
from models.model import Model
from models.pretraining.audit import WeightsDoNotFitError
from models.pretraining.hub import WeightsUnavailableError
from models.pretraining.stage import Stage
from models.tasks import TASKS
from runs.arms import Arm
from runs.directory import RunDirectory
from runs.errors import EosweepError, did_you_mean
from runs.progress import UNSEEN, Progress
from runs.records import RunRecord, SkippedArm
from sweeps.faults import SweepError
from sweeps.proposals import trials_planned
from sweeps.repeats import repeats_planned
from sweeps.schema import Sweep
from sweeps.slots import Machine, Slots, allocate
from sweeps.space import arms_of, complete, settings_of
from sweeps.stages import import_weights, in_order, stage_for


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        cache: folder of decoded data, samples and initial weights.
        arms: those that are run.
        skipped: those whose weights are not available, where the sweep says `unavailable: skip`.
        starts: for each of `arms`, the stage that makes its initial weights; None for scratch.
        stages: those that must be in the store before the trials, parents first.
        costs: what an epoch of each arm costs on the search's clock; a resumed run keeps those
            that it was started with.
        checkpoint: bytes that the largest model takes on the disk while its trial waits.
    """

    sweep: Sweep
    directory: RunDirectory
    cache: Path
    data: Prepared
    slots: Slots
    arms: list[Arm]
    skipped: list[SkippedArm]
    starts: dict[Arm, Stage | None]
    stages: list[Stage]
    costs: dict[Arm, int]
    checkpoint: int

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
        """Number of trials and repeats."""
        return self.trials + repeats_planned(self.sweep, self.arms)

    @property
    def missing(self) -> list[Stage]:
        """Stages whose weights are not in the store yet."""
        return [stage for stage in self.stages if stage.stored(self.cache) is None]

    def served_by(self, stage: Stage) -> tuple[Arm, ...]:
        """The arms whose initial weights need `stage`."""
        return tuple(
            arm for arm, start in self.starts.items() if start and stage in start.lineage()
        )

    def weights_of(self, arm: Arm) -> Path | None:
        """Folder of the initial weights of `arm`; None for scratch."""
        stage = self.starts[arm]
        if stage is None:
            return None
        stored = stage.stored(self.cache)
        assert stored is not None, f"{stage.name} has not been made"
        return stored.folder


def make_plan(
    sweep: Sweep,
    results: Path,
    cache: Path,
    machines: list[Machine],
    *,
    resume: bool = False,
    progress: Progress = UNSEEN,
) -> Plan:
    """Find and check data, weights and slots.

    Args:
        resume: the run directory holds a run; its arms, data and costs are kept.
        progress: is told what is being done.

    Raises:
        SourceDataError: one model cannot be for the source data and for the sweep's own.
        SweepError: something is not available or does not match; the message says what to do.
        DataError: the data are missing or damaged; it names every bad file.
        DoesNotFitError: the machines are smaller than a slot.
        RunDirectoryError: the run that is resumed is damaged.
    """
    slots = allocate(sweep.resources, machines)
    # Two arms may ask for the same other data: it is looked at once.
    prepare = lru_cache(partial(prepare_dataset, cache=cache, progress=progress))
    data = prepare(sweep.dataset)
    _check_metric(sweep, data)
    models = _models(sweep, data, progress)
    _check_labels(sweep, data)
    starts: dict[Arm, Stage | None] = {}
    skipped = []
    progress.step("looking for initial weights")
    for arm in arms_of(sweep):
        try:
            starts[arm] = _start(sweep, arm, data, prepare, cache)
        except (WeightsUnavailableError, WeightsDoNotFitError) as error:
            skipped.append(SkippedArm(arm=arm, reason=str(error)))
    if skipped and (sweep.unavailable == "error" or not starts):
        raise SweepError(_unavailable(skipped, len(starts)))
    directory = RunDirectory(results / sweep.name)
    if resume and directory.begun():
        begun = directory.run()
        skipped += _skip_new(begun, starts, data, directory.path)
        starts = {arm: starts[arm] for arm in begun.arms}
        costs = dict(zip(begun.arms, begun.costs, strict=True))
    else:
        counted = progress.over("counting the operations of the arms", starts)
        costs = {arm: _cost(sweep, arm, models[arm], data) for arm in counted}
    checkpoint = max(checkpoint_bytes(models[arm]) for arm in starts)
    stages = in_order(stage for stage in starts.values() if stage is not None)
    arms = list(starts)
    return Plan(
        sweep, directory, cache, data, slots, arms, skipped, starts, stages, costs, checkpoint
    )


def _skip_new(
    begun: RunRecord, available: Collection[Arm], data: Prepared, run: Path
) -> list[SkippedArm]:
    """The arms that are available now, but were not when the run was started: it skips them.

    Raises:
        SweepError: the run cannot be resumed with the same weights and data.
    """
    if lost := [arm.title for arm in begun.arms if arm not in available]:
        raise SweepError(
            f"{run} was started with weights that are not available now, of {', '.join(lost)}: "
            "restore them, or start a new run"
        )
    if begun.data.fingerprint != data.fingerprint:
        raise SweepError(f"the data have changed since {run} was started: start a new run")
    reason = "its weights were not available when the run was started; a new run compares it too"
    return [SkippedArm(arm=arm, reason=reason) for arm in available if arm not in begun.arms]


def _check_metric(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if the metric is of a class that the data do not have."""
    known = TASKS[sweep.task].metrics_on(data.classes, data.labels)
    if sweep.metric not in known:
        hint = did_you_mean(sweep.metric, known)
        raise SweepError(f"metric: there is no '{sweep.metric}' on {sweep.dataset.name}{hint}")


def _check_labels(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if a split has no object or no labelled pixel of a class."""
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
            f"no image of {' and '.join(splits)} has {what}, so that no model can be trained or "
            f"scored: {remedy}choose other splits"
        )


def _models(sweep: Sweep, data: Prepared, progress: Progress) -> dict[Arm, Model]:
    """The model of each arm, without weights, so that no trial fails at building it.

    Raises:
        SweepError: a head does not fit its backbone, or an option does not fit the classes.
    """
    models = {}
    for arm in progress.over("building the models of the arms", arms_of(sweep)):
        try:
            with torch.device("meta"):
                models[arm] = model_for(sweep.task, complete(sweep, arm), data)
        except EosweepError as error:
            raise SweepError(f"arm {arm.title}: {error}") from None
    return models


def _cost(sweep: Sweep, arm: Arm, model: Model, data: Prepared) -> int:
    images = (data.counts["train"], data.counts["val"])
    return epoch_cost(model, images, frozen=settings_of(sweep, arm).frozen)


def checkpoint_bytes(model: Model) -> int:
    """What a waiting trial keeps at most.

    That is its best weights, and the last ones with AdamW's two states, of this rung and the one
    before.
    """
    return (1 + 2 * 3) * sum(part.numel() * part.element_size() for part in model.parameters())


def _start(
    sweep: Sweep,
    arm: Arm,
    data: Prepared,
    prepare: Callable[[Dataset], Prepared],
    cache: Path,
) -> Stage | None:
    """The arm's stage; weights that are only imported are imported here, all along its lineage."""
    stage = stage_for(sweep, arm, data, prepare)
    for needed in stage.lineage() if stage else []:
        if needed.load is not None:
            import_weights(needed, cache)
    return stage


def _unavailable(skipped: list[SkippedArm], others: int) -> str:
    lines = [f"the weights of {len(skipped)} of {len(skipped) + others} arms are not available:"]
    lines += [f"  {one.arm.title}: {one.reason}" for one in skipped]
    if others:
        lines.append(f"add them, or write `unavailable: skip` to run the other {others} arms")
    return "\n".join(lines)
