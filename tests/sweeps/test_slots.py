"""How many trials fit: shares of a GPU come from one GPU each, and cores run out too."""

from typing import Any

import pytest

from models.gpu import CONTEXT
from sweeps.schema import Resources
from sweeps.slots import DoesNotFitError, Machine, allocate, for_tensors


@pytest.mark.parametrize(
    ("gpu", "cpu", "machines", "count"),
    [
        (0.25, 1, [Machine(16, 1)], 4),
        (0.3, 1, [Machine(16, 2)], 6),  # three on each, not 2 / 0.3 = 6.67
        (0.1, 1, [Machine(16, 1)], 10),  # 1 / 0.1 is not rounded down to 9
        (0.25, 4, [Machine(8, 1)], 2),  # cores run out before the GPU does
        (1, 1, [Machine(8, 2), Machine(8, 1), Machine(8, 0)], 3),
        (0, 2, [Machine(7, 1)], 3),
    ],
)
def test_count(gpu: float, cpu: int, machines: list[Machine], count: int) -> None:
    assert allocate(Resources(gpu=gpu, cpu=cpu), machines).count == count


def test_without_a_gpu_trials_run_on_the_cores_and_the_plan_says_so() -> None:
    slots = allocate(Resources(gpu=0.25, cpu=1), [Machine(2, 0)])
    assert (slots.count, slots.gpu) == (2, 0)
    assert "no GPU was found" in slots.note


@pytest.mark.parametrize(
    ("gpu", "cpu", "machines", "share", "note"),
    [
        (0.3, 1, [Machine(8, 1)], 0.3333, "0.3333 of a GPU instead of 0.3: as many fit"),
        (0.25, 1, [Machine(8, 8)], 1, "a trial gets 1 of a GPU instead of 0.25"),
        (0.25, 1, [Machine(16, 8)], 0.5, "0.5 of a GPU instead of 0.25"),
        (0.25, 8, [Machine(16, 8)], 1, "2 of 8 GPUs are used, for want of cores: lower"),
        (0.25, 1, [Machine(2, 1), Machine(8, 1)], 0.25, ""),  # on one of them there is no more room
        ("auto", 1, [Machine(8, 2)], 1, ""),
    ],
)
def test_what_the_cores_or_the_division_leave_over_is_shared_out(
    gpu: Any, cpu: int, machines: list[Machine], share: float, note: str
) -> None:
    slots = allocate(Resources(gpu=gpu, cpu=cpu), machines)
    assert slots.gpu == share
    assert note in slots.note
    assert bool(note) == bool(slots.note)


def test_by_default_a_gpu_is_used_and_zero_leaves_it_alone() -> None:
    assert allocate(Resources(), [Machine(4, 1)]).gpu == 1
    assert allocate(Resources(gpu=0), [Machine(4, 1)]).gpu == 0
    assert allocate(Resources(), [Machine(4, 0)]).note == ""


def test_all_slots_and_what_cuda_takes_beside_them_fit_a_gpu() -> None:
    total = 24 * 2**30
    of_each = for_tensors(0.25, total) * total
    assert 4 * (of_each + CONTEXT) == pytest.approx(total)
    with pytest.raises(ValueError, match=r"0\.02 of a GPU of 24 GiB is too small for CUDA itself"):
        for_tensors(0.02, total)


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (Resources(cpu=4, gpu=0), "4 CPU cores and the largest machine has 3: lower resources.cpu"),
        (Resources(cpu=3, gpu=1), "3 CPU cores and the largest machine with a GPU has 2"),
    ],
)
def test_what_does_not_fit_says_why(resources: Resources, reason: str) -> None:
    with pytest.raises(DoesNotFitError, match=reason):
        allocate(resources, [Machine(2, 1), Machine(3, 0)])
