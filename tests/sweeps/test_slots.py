"""How many trials fit: shares of a GPU come from one GPU each, and cores run out too."""

import pytest

from sweeps.schema import Resources
from sweeps.slots import DoesNotFitError, Machine, allocate


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


def test_a_share_that_wastes_a_gpu_is_said() -> None:
    assert "3 trials on each, 10% idle" in allocate(Resources(gpu=0.3), [Machine(8, 1)]).note


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (Resources(cpu=4), "4 CPU cores and the largest machine has 3: lower resources.cpu"),
        (Resources(cpu=3, gpu=1), "3 CPU cores and the largest machine with a GPU has 2"),
    ],
)
def test_what_does_not_fit_says_why(resources: Resources, reason: str) -> None:
    with pytest.raises(DoesNotFitError, match=reason):
        allocate(resources, [Machine(2, 1), Machine(3, 0)])
