"""Whether the training of every arm fits the GPU, predicted before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from datasets import Prepared
from models.memory import Peak, UnpredictedError, predict_peak
from models.model import Model
from models.training import Recipe
from runs.arms import Arm
from runs.progress import Progress
from sweeps.cards import Card
from sweeps.faults import SweepError
from sweeps.fine_tuning import batch_norms
from sweeps.schema import Sweep
from sweeps.shaping import OF_NO_SIZE, largest_recipe, shaping


@dataclass(frozen=True)
class Memory:
    """What the trainings of the arms need of a GPU.

    Attributes:
        share: of the card, that a slot has.
        peaks: of each arm.
        unpredicted: why there is none of an arm.
    """

    card: Card
    share: float
    peaks: dict[Arm, Peak]
    unpredicted: dict[Arm, str]

    @property
    def held(self) -> int:
        """Bytes that a slot has."""
        return round(self.share * self.card.memory)

    def sentences(self) -> Iterator[str]:
        """What the trainings need and a slot has; what may not fit, or is not known."""
        if self.peaks:
            order = sorted(self.peaks, key=lambda arm: self.peaks[arm].on_gpu)
            least, most = (_of(arm, self.peaks[arm].on_gpu) for arm in (order[0], order[-1]))
            needed = least if least == most else f"{least} to {most}"
            part = "all" if self.share == 1 else f"{self.share:g}"
            held = f"a slot has {gigabytes(self.held)}, {part} of the {self.card.name}"
            yield f"a training needs {needed}, as predicted; {held}"
        tight = [arm.title for arm, peak in self.peaks.items() if peak.on_gpu > self.held]
        if tight:
            yield f"this may be too little for {', '.join(tight)}"
        yield from dict.fromkeys(self.unpredicted.values())


def predict_memory(
    sweep: Sweep,
    models: Mapping[Arm, Model],
    seen: Mapping[Arm, Prepared],
    card: Card,
    share: float,
    progress: Progress,
) -> Memory:
    """What the training of each arm needs at most, of whatever is tuned.

    Args:
        models: of the arms, on the meta device.
        seen: the data as each arm sees them.
        share: of the card, that a slot has.

    Raises:
        SweepError: the tensors of an arm alone do not fit; it says what would.
    """
    memory = Memory(card, share, {}, {})
    known: dict[object, Peak] = {}
    faults = []
    for arm, model in progress.over("predicting the memory of the arms", models.items()):
        recipe = largest_recipe(sweep, arm)
        data = seen[arm]
        shape = (shaping(sweep, arm, OF_NO_SIZE), data.fingerprint, recipe.batch_size)
        try:
            if shape not in known:
                known[shape] = _predicted(model, recipe, data, card)
        except UnpredictedError as error:
            memory.unpredicted[arm] = str(error)
            continue
        memory.peaks[arm] = known[shape]
        if known[shape].tensors > memory.held:
            faults.append(_fault(arm, model, recipe, data, memory))
    if faults:
        raise SweepError("\n".join(faults))
    return memory


def _predicted(model: Model, recipe: Recipe, data: Prepared, card: Card) -> Peak:
    return predict_peak(model, recipe, data, gpu=True, bfloat16=card.bfloat16)


def _fault(arm: Arm, model: Model, recipe: Recipe, data: Prepared, memory: Memory) -> str:
    """That an arm does not fit, and what would."""
    need, card = memory.peaks[arm], memory.card
    images = recipe.effective_batch or recipe.batch_size
    start = (
        f"arm {arm.title}: the tensors of a training take {gigabytes(need.tensors)}, as predicted"
    )
    if need.on_gpu <= card.memory:
        share = 1 / (card.memory // need.on_gpu)
        return (
            f"{start}, and a slot has {gigabytes(memory.held)}: write resources.gpu: "
            f"{share:.2g}, or a smaller batch_size with effective_batch: {images}"
        )
    start += f", and a whole {card.name} has {gigabytes(card.memory)}"
    norms = batch_norms(model, frozen=recipe.frozen)
    for size in range(recipe.batch_size // 2, 1 if norms else 0, -1):
        if recipe.batch_size % size:
            continue
        smaller = replace(recipe, batch_size=size, effective_batch=images)
        if _predicted(model, smaller, data, card).on_gpu <= card.memory:
            seen = f" ({', '.join(norms)} then see {size} images at once)" if norms else ""
            return f"{start}: write batch_size: {size} with effective_batch: {images}{seen}"
    return f"{start}: a smaller batch_size does not help; choose a smaller backbone or image_size"


def _of(arm: Arm, size: int) -> str:
    return f"{gigabytes(size)} ({arm.title})"


def gigabytes(size: int) -> str:
    """`1.9 GB`."""
    return f"{size / 1e9:.1f} GB"
