"""Whether jobs have room beside each other: each on one machine, with a share of one GPU of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sweeps.slots import Machine, Slot

PARTS = 10_000
"""Of a GPU: Ray counts in whole ones."""


@dataclass
class _Left:
    """What is left of a machine: cores, and parts of each GPU."""

    cores: int
    gpus: list[int]

    def parts_for(self, slot: Slot) -> int | None:
        """The parts of the fullest GPU that has room for a slot; None if there is no room."""
        if self.cores < slot.cpu:
            return None
        if not slot.gpu:
            return sum(self.gpus)
        return min((parts for parts in self.gpus if parts >= parts_of(slot)), default=None)

    def take(self, slot: Slot) -> None:
        self.cores -= slot.cpu
        if slot.gpu:
            chosen = self.gpus.index(self.parts_for(Slot(0, slot.gpu)) or 0)
            self.gpus[chosen] -= parts_of(slot)


def parts_of(slot: Slot) -> int:
    """The share of a GPU in parts, whole ones."""
    return int(slot.gpu * PARTS + 1e-4)  # 0.1 is a little more


def fit(machines: Sequence[Machine], slots: Iterable[Slot]) -> bool:
    """Whether all `slots` can be held at once.

    Large shares are placed first, and each where it leaves least over. Where Ray has placed them
    otherwise, a job waits until there is room for it.
    """
    left = [_Left(machine.cpus, [PARTS] * machine.gpus) for machine in machines]
    for slot in sorted(slots, key=lambda one: (parts_of(one), one.cpu), reverse=True):
        places = [
            (parts, one.cores, place)
            for place, one in enumerate(left)
            if (parts := one.parts_for(slot)) is not None
        ]
        if not places:
            return False
        left[min(places)[-1]].take(slot)
    return True
