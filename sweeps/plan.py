"""The plan: all that is known before the first trial. What can fail early fails here."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from datasets import Prepared, seen_by, stored_statistics
from datasets.options import Dataset, prepare_dataset
from datasets.source import brings
from models.backbones.source import NotInstalledError
from models.build import model_for, recipe_of
from models.flops import epoch_cost
from models.model import Model
from models.pretraining import units
from models.pretraining.audit import WeightsDoNotFitError
from models.pretraining.hub import WeightsUnavailableError
from models.pretraining.stage import Stage
from models.pretraining.store import Stored, folder_of
from models.tasks import TASKS
from models.training import keeps_features
from runs.arms import Arm
from runs.directory import RunDirectory
from runs.errors import EosweepError, did_you_mean
from runs.progress import UNSEEN, Progress
from runs.records import ProbeRecord, RunRecord, SkippedArm
from runs.skipped import by_reason
from sweeps.cards import Card
from sweeps.check import unlabelled
from sweeps.faults import SweepError
from sweeps.fine_tuning import check_layers, kept_bytes, training_notes
from sweeps.gauges import Shape, kept, shapes_of
from sweeps.labels import beyond_limit, check_classes, check_labels, check_shares, shares
from sweeps.packing import cores_of_a_gpu, slots_of
from sweeps.proposals import trials_planned
from sweeps.repeats import repeats_planned
from sweeps.schema import Sweep
from sweeps.screen import Screened
from sweeps.slots import Machine, Slot, Slots, allocate, count_on
from sweeps.space import arms_of, complete, heads_of
from sweeps.stages import import_weights, in_order, stage_for
from sweeps.stored_run import open_sync
from sweeps.sync import Sync

if TYPE_CHECKING:
    from sweeps.memory import Memory


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        cache: folder of decoded data, samples and initial weights.
        arms: those that are run.
        skipped: those whose weights are not available, where the sweep says `unavailable: skip`.
        starts: for each of `arms`, the stage that makes its initial weights; None for scratch.
        stages: those that must be in the store before the trials, parents first.
        probes: of all arms in the screen before the run; () without one.
        seen: the data as each arm sees them.
        costs: what an epoch of each arm costs on the search's clock; a resumed run keeps those
            that it was started with.
        weights: bytes of the weights of each arm's model.
        warnings: what a person should look at: units and bands of published weights.
        sync: brings files from and to nodes that do not see the folders of this one.
        machines: that there are.
        features: bytes of the features that are kept, of each arm whose frozen backbone's are.
        notes: what a person should know of how the arms are trained.
        memory: what the arms need of a GPU; None where no card is known.
        shapes: what the trainings of the arms are known by, if their slots are to be measured.
        measured: the slots of those arms whose trainings were measured on the GPU.
        unmeasured: why others could not be.
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
    probes: tuple[ProbeRecord, ...]
    seen: dict[Arm, Prepared]
    costs: dict[Arm, int]
    weights: dict[Arm, int]
    warnings: list[str]
    sync: Sync
    machines: tuple[Machine, ...]
    features: dict[Arm, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    memory: "Memory | None" = None
    shapes: dict[Arm, Shape] = field(default_factory=dict)
    measured: dict[Arm, Slot] = field(default_factory=dict)
    unmeasured: dict[Arm, str] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that validation is scored by."""
        return _metrics(self.sweep, self.data)

    @property
    def trials(self) -> int:
        """Number of trials."""
        return trials_planned(self.sweep, self.arms)

    @property
    def trainings(self) -> int:
        """Number of trials and repeats."""
        return self.trials + repeats_planned(self.sweep, self.arms)

    def slot_of(self, arm: Arm) -> Slot:
        """What a trial of `arm` holds."""
        return self.measured.get(arm, self.slots.each)

    @property
    def at_once(self) -> int:
        """How many trials there are at once, at most."""
        each = {self.slot_of(arm) for arm in self.measured}
        return max(self.slots.count, *(count_on(self.machines, slot) for slot in each), 0)

    def slot_of_stage(self, stage: Stage) -> Slot:
        """What the training of a stage holds: as much as the largest of its arms."""
        return max(map(self.slot_of, self.served_by(stage)), key=lambda slot: (slot.gpu, slot.cpu))

    @property
    def missing(self) -> list[Stage]:
        """Stages whose weights are not in the store yet."""
        return [stage for stage in self.stages if self.stored(stage) is None]

    def stored(self, stage: Stage) -> Stored | None:
        """The weights of a stage, brought here from the storage if another node has made them."""
        self.sync.fetch(folder_of(self.cache, stage.name, stage.key))
        return stage.stored(self.cache)

    def share(self) -> None:
        """Have in the storage what jobs on other nodes need."""
        for stage in self.stages:
            self.sync.keep(stage.data.folder)
            if (stored := self.stored(stage)) is not None:
                self.sync.keep(stored.folder)
        self.sync.keep(self.data.folder)

    @property
    def predicted(self) -> list[int | None]:
        """Bytes that PyTorch holds of a GPU in a training of each arm; [] where none is known."""
        if self.memory is None:
            return []
        peaks = self.memory.peaks
        return [peaks[arm].reserved if arm in peaks else None for arm in self.arms]

    @property
    def licences(self) -> dict[str, str]:
        """Of published weights that the arms start from, by the name of their stage."""
        imported = {stage.name: stage.published for stage in self.stages}
        return {name: weights.licence for name, weights in imported.items() if weights}

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
        stored = self.stored(stage)
        assert stored is not None, f"{stage.name} has not been made"
        return stored.folder


def make_plan(
    sweep: Sweep,
    results: Path,
    cache: Path,
    machines: list[Machine],
    *,
    resume: bool = False,
    screen: Screened | None = None,
    card: Card | None = None,
    progress: Progress = UNSEEN,
) -> Plan:
    """Find and check data, weights and slots.

    Args:
        resume: the run directory holds a run; its arms, data and costs are kept.
        screen: what came of the screen before the run.
        card: the GPU that trials run on, whose memory must do for every arm; None if not known.
        progress: is told what is being done.

    Raises:
        SourceDataError: one model cannot be for the source data and for the sweep's own.
        SweepError: something is not available or does not match; the message says what to do.
        DataError: the data are missing or damaged; it names every bad file.
        DoesNotFitError: the machines are smaller than a slot.
        RunDirectoryError: the run that is resumed is damaged.
        StorageError: the sweep's storage cannot be used.
    """
    slots = allocate(sweep.resources, machines)
    results, cache = results.resolve(), cache.resolve()  # workers have other working directories
    directory = RunDirectory(results / sweep.name)
    sync = open_sync(sweep.storage, cache, directory, progress)
    # Two arms may ask for the same other data: it is looked at once.
    prepare = lru_cache(partial(prepare_dataset, cache=cache, progress=progress))
    data = prepare(sweep.decoded)
    _check_task(sweep, data)
    _check_metric(sweep, data)
    progress.step("looking at the data as the arms see them")
    seen = {arm: seen_by(complete(sweep, arm), data) for arm in arms_of(sweep)}
    models, skipped = _models(sweep, seen, progress)
    check_labels(sweep, data)
    check_classes(sweep, data)
    check_shares(sweep, seen)
    about = {model.backbone.name: model.backbone.notes for model in models.values()}
    told = [f"{name}: {note}" for name, notes in about.items() for note in notes]
    told += shares(sweep, seen)
    data = replace(data, notes=(*data.notes, *beyond_limit(sweep, data), *told))
    progress.step("looking for initial weights")
    dropped = screen.dropped if screen is not None else {}
    starts, lacking = _starts(
        [arm for arm in models if arm not in dropped], sweep, seen, prepare, cache
    )
    skipped += lacking
    if skipped and (sweep.unavailable == "error" or not starts):
        raise SweepError(_unavailable(skipped, len(starts)))
    skipped += [SkippedArm(arm=arm, reason=reason) for arm, reason in dropped.items()]
    probes = screen.probes if screen is not None else ()
    if resume and directory.begun():
        begun = directory.run()
        probes = begun.probes
        skipped += _skip_new(begun, starts, data, directory.path)
        starts = {arm: starts[arm] for arm in begun.arms}
        costs = dict(zip(begun.arms, begun.costs, strict=True))
    else:
        counted = progress.over("counting the operations of the arms", starts)
        costs = {arm: _cost(sweep, arm, models[arm], seen[arm]) for arm in counted}
    weights = {arm: bytes_of(models[arm]) for arm in starts}
    stages = in_order(stage for stage in starts.values() if stage is not None)
    arms = list(starts)
    run = {arm: models[arm] for arm in arms}
    memory = None
    if card is not None:
        from sweeps.memory import predict_memory  # which imports fake tensors

        memory = predict_memory(sweep, run, seen, card, slots.gpu or 1.0, progress)
    shapes = {}
    if slots.gpu and sweep.resources.gpu is None:
        shapes = shapes_of(sweep, run, seen, cores_of_a_gpu(machines))
    gauges = {card: kept(cache, shapes.values(), card)} if card is not None else {}
    return Plan(
        *(sweep, directory, cache, data, slots, arms, skipped, starts, stages, probes, seen, costs),
        weights=weights,
        sync=sync,
        machines=tuple(machines),
        features=kept_bytes(sweep, run, seen),
        notes=training_notes(sweep, run),
        warnings=_warnings(stages),
        memory=memory,
        shapes=shapes,
        measured=slots_of(shapes, gauges, machines),
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
    before = {one.arm: one for one in begun.skipped}
    dropped = {probe.arm for probe in begun.probes if not probe.kept}
    return [
        before[arm] if arm in dropped else SkippedArm(arm=arm, reason=reason)
        for arm in available
        if arm not in begun.arms
    ]


def _check_task(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if the labels are of another kind than the task or a head needs."""
    needs = TASKS[sweep.task].needs
    if not brings(data.labels, needs):
        there = " and ".join(sorted(data.labels))
        raise SweepError(
            f"task: {sweep.task} needs {needs}, but the labels of {sweep.dataset.name} are {there}"
        )
    for name, head in heads_of(sweep).items():
        if missing := unlabelled(head, name, data.labels):
            raise SweepError(f"head: {missing}")


def _check_metric(sweep: Sweep, data: Prepared) -> None:
    """Raise `SweepError` if the metric is of a class that the data do not have."""
    known = _metrics(sweep, data)
    if sweep.metric not in known:
        hint = did_you_mean(sweep.metric, known)
        raise SweepError(f"metric: there is no '{sweep.metric}' on {sweep.dataset.name}{hint}")


def _metrics(sweep: Sweep, data: Prepared) -> tuple[str, ...]:
    """Those of the task, and those that some arms have more."""
    task = TASKS[sweep.task]
    of_all = task.metrics_on(data.classes, data.labels, whole_scenes=sweep.whole_scenes)
    return *of_all, *(name for head in heads_of(sweep).values() for name in head.metrics)


def _models(
    sweep: Sweep, seen: dict[Arm, Prepared], progress: Progress
) -> tuple[dict[Arm, Model], list[SkippedArm]]:
    """The model of each arm, without weights, so that no trial fails at building it.

    Also the arms whose backbone's library is not installed.

    Raises:
        SweepError: a head or layer_decay does not fit its backbone, or an option the classes.
    """
    models, skipped = {}, []
    for arm, data in progress.over("building the models of the arms", seen.items()):
        try:
            with torch.device("meta"):
                models[arm] = model_for(sweep.task, complete(sweep, arm), data)
            check_layers(sweep, arm, models[arm])
        except NotInstalledError as error:
            skipped.append(SkippedArm(arm=arm, reason=str(error)))
        except EosweepError as error:
            raise SweepError(f"arm {arm.title}: {error}") from None
    return models, skipped


def _cost(sweep: Sweep, arm: Arm, model: Model, data: Prepared) -> int:
    """Of an epoch, or of the mean epoch where the backbone is frozen in some."""
    images = (data.counts["train"], data.counts["val"])
    recipe = recipe_of(complete(sweep, arm))
    kept = keeps_features(model, recipe)
    cost = epoch_cost(model, images, recipe.frozen, kept=kept)
    if recipe.frozen or not recipe.freeze_epochs or not recipe.epochs:
        return cost
    share = min(1.0, recipe.freeze_epochs / recipe.epochs)
    return round(share * epoch_cost(model, images, frozen=True) + (1 - share) * cost)


def _warnings(stages: Iterable[Stage]) -> list[str]:
    """What to look at of published weights: the units and bands of the data that they are for."""
    found: dict[str, list[str]] = {}
    for stage in stages:
        if stage.published is not None:
            mean, std = (part.tolist() for part in stored_statistics(stage.data))
            for line in units.warnings(stage.published, stage.data.spectrum, mean, std):
                found.setdefault(line, []).append(stage.name)
    return [f"{', '.join(names)}: {line}" for line, names in found.items()]


def bytes_of(model: Model) -> int:
    """What the weights of a model take."""
    return sum(part.numel() * part.element_size() for part in model.state_dict().values())


def _starts(
    arms: Iterable[Arm],
    sweep: Sweep,
    seen: dict[Arm, Prepared],
    prepare: Callable[[Dataset], Prepared],
    cache: Path,
) -> tuple[dict[Arm, Stage | None], list[SkippedArm]]:
    """The stage of each arm whose weights are there or can be made; the other arms."""
    starts: dict[Arm, Stage | None] = {}
    skipped = []
    for arm in arms:
        try:
            starts[arm] = _start(sweep, arm, seen[arm], prepare, cache)
        except WeightsDoNotFitError as error:
            skipped.append(SkippedArm(arm=arm, reason=str(error)))
        except WeightsUnavailableError as error:
            why = {"reason": error.reason, "remedy": error.remedy, "lacking": error.lacking}
            skipped.append(SkippedArm(arm=arm, **why))
    return starts, skipped


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
    lines += [f"  {one.who}: {one.why}" for one in by_reason(skipped)]
    if others:
        lines.append(f"add them, or write `unavailable: skip` to run the other {others} arms")
    return "\n".join(lines)
