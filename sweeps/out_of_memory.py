"""What a job gets that has run out of a GPU's memory, when it is tried again.

Twice its share, up to a whole GPU; then half as many images go through the model at once, at the
same effective batch. `runs.records` has what was done, so that a resumed run goes on with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from runs.records import TrialRecord, halved_batch
from sweeps.slots import Slot

HALVINGS = 3
"""So often the images that go through the model at once are halved."""


@dataclass(frozen=True)
class Relief:
    """What a job gets.

    Attributes:
        slot: what it holds from now on.
        halved: how often its images at once were halved, of a training.
        told: the same in words.
        norms: the kinds of its trained layers that normalise over the images at once.
    """

    slot: Slot
    halved: int
    told: str
    norms: tuple[str, ...] = ()


def larger_share(slot: Slot, halved: int = 0) -> Relief | None:
    """Twice the share of the GPU; None if there is no more."""
    if not 0 < slot.gpu < 1:
        return None
    larger = slot.doubled
    return Relief(
        larger, halved, f"out of memory: its share of the GPU is {larger.gpu:g} from now on"
    )


def smaller_batches(record: TrialRecord, slot: Slot, norms: Sequence[str]) -> Relief | None:
    """Half the images at once, on a whole GPU; None after three times, or if there is one left.

    Args:
        norms: the trained layers that normalise over images; they need two.
    """
    images = halved_batch(record.images_at_once)
    if slot.gpu < 1 or record.halved >= HALVINGS or images is None or (norms and images < 2):
        return None
    seen = f", {' and '.join(norms)} normalise over so many" if norms else ""
    told = (
        f"out of memory on a whole GPU: {images} images at once from now on, at the same "
        f"effective batch{seen}"
    )
    return Relief(slot, record.halved + 1, told, tuple(norms))


def held_by(record: TrialRecord, slot: Slot) -> Slot:
    """What a trial holds whose arm holds `slot`: more if that was too little before."""
    if not record.out_of_memory or not slot.gpu or record.gpu is None:
        return slot
    return Slot(slot.cpu, max(slot.gpu, record.gpu))
