"""What a trial of each arm holds, by what was measured of its training on the GPU."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from runs.arms import Arm
from sweeps.cards import Card
from sweeps.gauges import Gauge, Shape
from sweeps.slots import Machine, Slot, part

MARGIN = 1.1
"""A trial may reserve so much more than what was measured: its images differ."""

MOST_ARMS = 4  # that a line names

Gauges = Mapping[Card, Mapping[Shape, Gauge]]
"""What was measured, on each card that there is."""


def slots_of(
    shapes: Mapping[Arm, Shape], gauges: Gauges, machines: Sequence[Machine]
) -> dict[Arm, Slot]:
    """What a trial holds, of each arm that was measured on every card: what does on all of them."""
    return {
        arm: max(
            (slot_for(known[shape], card, machines) for card, known in gauges.items()),
            key=lambda slot: slot.gpu,
        )
        for arm, shape in shapes.items()
        if gauges and all(shape in known for known in gauges.values())
    }


def slot_for(gauge: Gauge, card: Card, machines: Sequence[Machine]) -> Slot:
    """As small a share of a GPU as pays and has room for its memory, and its share of the cores.

    Every trial has a core at least, so that no more share a GPU than there are cores for each.
    """
    needed = MARGIN * gauge.reserved + gauge.context
    by_memory = int(card.memory / needed) if needed else gauge.copies
    cores = cores_of_a_gpu(machines)
    trials = max(1, min(gauge.copies, by_memory, cores))
    return Slot(cores // trials, part(trials))


def cores_of_a_gpu(machines: Sequence[Machine]) -> int:
    """How many cores there are for each GPU, where they are fewest; 1 at least."""
    return max(1, min((one.cpus // one.gpus for one in machines if one.gpus), default=1))


def sentences(slots: Mapping[Arm, Slot]) -> Iterator[str]:
    """What the arms get in words, the smallest share first."""
    alike: dict[Slot, list[Arm]] = defaultdict(list)
    for arm, slot in slots.items():
        alike[slot].append(arm)
    for slot, arms in sorted(alike.items(), key=lambda one: one[0].gpu):
        trials = int(1 / slot.gpu + 1e-4)
        share = "a whole GPU" if trials == 1 else f"1/{trials} of a GPU"
        cores = f"{slot.cpu} core{'s' if slot.cpu > 1 else ''}"
        yield f"{share} and {cores} for a trial, {trials} at once on a GPU: {_titles(arms)}"


def _titles(arms: Collection[Arm]) -> str:
    titles = [arm.title for arm in arms]
    more = f" and {len(titles) - MOST_ARMS} more" if len(titles) > MOST_ARMS else ""
    return ", ".join(titles[:MOST_ARMS]) + more
