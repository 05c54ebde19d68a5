"""The clock of virtual slots against a list of what ends when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.clock import Clock


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 5))
def test_things_end_as_on_real_slots(durations: list[int], slots: int) -> None:
    """Reference: each thing goes to the slot that is free first, as at a row of counters."""
    free_at = [0] * slots
    expected = []
    for index, duration in enumerate(durations):
        slot = min(range(slots), key=free_at.__getitem__)
        free_at[slot] += duration
        expected.append((free_at[slot], index))
    clock: Clock[int] = Clock(slots)
    waiting = list(range(len(durations)))
    ended = []
    while waiting or clock.first is not None:
        while waiting and clock.free:
            index = waiting.pop(0)
            clock.begin(index, durations[index])
        first = clock.first
        assert clock.advance() == first
        ended.append((clock.now, first))
    assert ended == sorted(expected)


def test_a_taken_slot_takes_nothing_more() -> None:
    clock: Clock[str] = Clock(1)
    clock.begin("a", 1)
    with pytest.raises(ValueError, match="all 1 slots are taken"):
        clock.begin("b", 1)
