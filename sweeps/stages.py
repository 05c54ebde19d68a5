"""Initial weights as stages of their own: which an arm needs, in what order, and making one.

Weights that were made before, by this sweep or another one, are found in the store.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from datasets import Prepared
from datasets.options import Dataset
from models.pretraining import CHECKPOINT, KINDS, SCRATCH, kind_of, store
from models.pretraining.stage import Request, Stage
from runs.arms import Arm
from sweeps.reports import Report
from sweeps.resuming import ResumeFile, time_for_another
from sweeps.schema import Sweep
from sweeps.slots import Slot, device_name, limit_to_slot
from sweeps.space import complete, settings_of


def stage_for(
    sweep: Sweep, arm: Arm, data: Prepared, prepare: Callable[[Dataset], Prepared]
) -> Stage | None:
    """The stage that makes the initial weights of `arm`; None for scratch.

    Args:
        prepare: finds and decodes other data that a kind of weights is made on.

    Raises:
        WeightsUnavailableError: imported weights are not available; says which file to put where.
    """
    config = {
        name: value for name, value in complete(sweep, arm).items() if name not in sweep.variants
    }

    def start(backbone: str, name: str, on: Prepared) -> Stage | None:
        if name == SCRATCH:
            return None
        named = sweep.weights.checkpoints.get(name)
        kind = KINDS[kind_of(name)] if named is None else CHECKPOINT
        return kind.stage(
            Request(
                name=name,
                backbone=backbone,
                options=getattr(sweep.weights, kind_of(name)) if named is None else named,
                data=on,
                epochs=sweep.budget.pretraining_epochs,
                seed=sweep.seed,
                task=sweep.task,
                config=config,
                prepare=prepare,
                start=start,
            )
        )

    settings = settings_of(sweep, arm)
    return start(settings.backbone, settings.pretraining, data)


def import_weights(stage: Stage, cache: Path) -> store.Stored:
    """Bring weights from a file to the backbone's bands and size, audited, into the store.

    Raises:
        WeightsDoNotFitError: naming the first tensors that do not match.
        WeightsUnavailableError: the file cannot be read as weights.
    """
    assert stage.load is not None
    if stored := stage.stored(cache):
        return stored
    network = stage.new_backbone().network
    audit = stage.load(stage, network)
    record = {**stage.parts, "audit": audit.sentence()}
    return store.save(cache, stage.name, stage.key, network.state_dict(), record)


def train_stage(
    stage: Stage, epochs: int, cache: Path, slot: Slot, deadline: float | None
) -> Generator[Report]:
    """Train a stage and store its weights; yields each epoch's numbers, and {} at the end.

    Its parent's weights must be in the store. Out of time, it ends without weights, and resumes
    from there when it is called again. Runs in a Ray worker.

    Args:
        epochs: how many there are.
        deadline: when it is to have ended, in seconds since the epoch; None for never. One epoch is
            always done, so that every slice of time makes progress.
    """
    assert stage.train is not None
    device = limit_to_slot(slot)
    unfinished = ResumeFile(store.unfinished(cache, stage.name, stage.key))
    resume = unfinished.read()
    training = stage.train(stage, device, cache, resume)
    log = resume["log"] if resume else []
    for numbers, state in training.epochs:
        log.append(numbers)
        more = numbers["epoch"] < epochs
        cut = more and not time_for_another(deadline, numbers["seconds"])
        if cut or (more and unfinished.due()):
            unfinished.write({**state(), "log": log})
        yield Report(numbers, last=cut)
        if cut:
            return
    record = {**stage.parts, "device": device_name(device), "epochs_log": log}
    store.save(cache, stage.name, stage.key, training.module.state_dict(), record)
    unfinished.remove()
    yield Report({}, last=True)


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """All stages that `stages` need, each once, parents before children.

    Those that most others wait for come first: a teacher that begins last leaves slots empty.
    """
    lineages = [stage.lineage() for stage in stages]
    needed_by = Counter(stage.key for lineage in lineages for stage in lineage)
    once = {stage.key: stage for lineage in lineages for stage in lineage}
    return sorted(once.values(), key=lambda stage: -needed_by[stage.key])
