"""Jobs are held at once as far as single GPUs and the cores beside them go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.room import PARTS, fit
from sweeps.schema import Resources
from sweeps.slots import Machine, Slot, allocate

SHARES = [0.0, *(PARTS // of / PARTS for of in (1, 2, 3, 4, 12))]
MACHINES = st.lists(
    st.builds(Machine, st.integers(1, 12), st.integers(0, 2)), min_size=1, max_size=2
)
SLOTS = st.lists(
    st.builds(Slot, st.integers(1, 3), st.sampled_from(SHARES)), min_size=2, max_size=6
)


def placed(machines: list[Machine], slots: list[Slot]) -> bool:
    """Whether there is any way to hold all of `slots`; tries every one."""
    places = [(one.cpus, (PARTS,) * one.gpus) for one in machines]

    def place(left: list[Slot], places: tuple[tuple[int, tuple[int, ...]], ...]) -> bool:
        if not left:
            return True
        slot, *others = left
        for at, (cores, gpus) in enumerate(places):
            if cores < slot.cpu:
                continue
            after = set()
            if not slot.gpu:
                after.add(gpus)
            for one, parts in enumerate(gpus):
                if slot.gpu and parts >= round(slot.gpu * PARTS):
                    rest = parts - round(slot.gpu * PARTS)
                    after.add(tuple(sorted((*gpus[:one], rest, *gpus[one + 1 :]))))
            for then in after:
                if place(others, (*places[:at], (cores - slot.cpu, then), *places[at + 1 :])):
                    return True
        return False

    return place(slots, tuple(places))


@settings(max_examples=200)
@given(MACHINES, SLOTS)
def test_what_is_held_at_once_never_exceeds_a_gpu_or_a_machine(
    machines: list[Machine], slots: list[Slot]
) -> None:
    if fit(machines, slots):
        assert placed(machines, slots)


@given(MACHINES, st.integers(1, 16), st.integers(1, 4))
def test_of_equal_slots_as_many_fit_as_the_plan_says(
    machines: list[Machine], of: int, cpu: int
) -> None:
    if not any(one.cpus >= cpu and one.gpus for one in machines):
        return
    slots = allocate(Resources(gpu=1 / of, cpu=cpu), machines)
    assert fit(machines, [slots.each] * slots.count)
    assert not fit(machines, [slots.each] * (slots.count + 1))


def test_several_gpus_are_not_one_pool() -> None:
    machine = Machine(8, 2)
    assert fit([machine], [Slot(1, 0.6), Slot(1, 0.4), Slot(1, 1.0)])
    assert not fit([machine], [Slot(1, 0.6), Slot(1, 0.6), Slot(1, 0.6)])
