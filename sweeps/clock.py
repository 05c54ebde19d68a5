"""A clock of virtual slots: in what order things would end if each took exactly what it costs.

Decisions that are taken in this order do not depend on how many slots there really are, on how fast
the machine is, or on what else it does.
"""

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")


class Clock(Generic[T]):
    """Virtual slots, each of which does one thing at a time.

    Args:
        slots: how many there are.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.now = 0
        self._begun = 0
        self._running: list[tuple[int, int, T]] = []

    @property
    def free(self) -> bool:
        """Whether a slot has nothing to do."""
        return len(self._running) < self.slots

    @property
    def first(self) -> T | None:
        """What will end first; of equal times, what began first. None if nothing runs."""
        return self._running[0][2] if self._running else None

    def begin(self, what: T, duration: int) -> None:
        """Give a free slot something to do. ValueError: no slot is free."""
        if not self.free:
            raise ValueError(f"all {self.slots} slots are taken")
        heapq.heappush(self._running, (self.now + duration, self._begun, what))
        self._begun += 1

    def advance(self) -> T:
        """Move on to the end of `first`, and return that. IndexError: nothing runs."""
        self.now, _, what = heapq.heappop(self._running)
        return what
