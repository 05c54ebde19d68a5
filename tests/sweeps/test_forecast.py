"""What is left of a search is foreseen before it is known which trials continue."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runs.factory import trial_record
from runs.records import TrialRecord
from sweeps.forecast import Forecast, Rung, expected
from sweeps.plan import make_plan
from sweeps.schema import Scheduler, Sweep
from sweeps.slots import Machine

MakeSweep = Callable[..., Sweep]


@pytest.fixture
def forecast(make_sweep: MakeSweep, tmp_path: Path, cache: Path) -> Forecast:
    """Of 12 trials of two arms, which pause after epochs 1 and 3 of 9."""
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"]}, fixed={"pretraining": "scratch"}
    )
    return Forecast(make_plan(sweep, tmp_path, cache, [Machine(1, 0)]))


def trained(forecast: Forecast, number: int, epochs: int, status: str) -> TrialRecord:
    arm = forecast.plan.arms[number % 2]
    rows = [{"epoch": one + 1, "AP50": 0.5, "seconds": 1.0} for one in range(epochs)]
    changes = {"config": {"epochs": 9}, "epochs": rows, "status": status}
    return trial_record(number, arm, 0.5, metric="AP50", **changes)


@pytest.mark.parametrize(
    ("finish", "planned", "arms", "counts"),
    [
        (0, 48, 8, [48, 16, 5]),  # an arm may drop out: a third continues from each rung
        (1, 9, 1, [9, 3, 1]),
        (2, 9, 1, [9, 3, 2]),  # two of the arm are finished, where the rungs promote one
        (1, 8, 8, [8, 8, 8]),  # one of every arm is finished: of as many trials, all
    ],
)
def test_trials_in_each_stretch(finish: int, planned: int, arms: int, counts: list[int]) -> None:
    rule = Scheduler(factor=3, finish=finish)
    assert [round(one) for one in expected(rule, planned, arms, 3)] == counts


def test_before_the_first_trial_the_promotions_are_foreseen(forecast: Forecast) -> None:
    epoch = sum(forecast.plan.costs.values()) / 2
    least = (12 * 1 + 4 * 2 + 2 * 6) * epoch  # 12 // 3 continue, and one of each arm is finished
    assert least <= forecast.left_of_trials([]) <= 1.2 * least


def test_what_is_left_falls_to_nothing_as_trials_are_trained(forecast: Forecast) -> None:
    records = [trained(forecast, number, 1, "waiting") for number in range(12)]
    after_first_rung = forecast.left_of_trials(records)
    assert after_first_rung < forecast.left_of_trials([])
    running = [trained(forecast, 0, 2, "running"), *records[1:]]
    assert forecast.left_of_trials(running) < after_first_rung
    ended = [
        trained(forecast, n, 9 if n < 6 else 1, "done" if n < 6 else "pruned") for n in range(12)
    ]
    assert forecast.left_of_trials(ended) == 0


def test_nothing_is_left_of_stopped_arms(forecast: Forecast) -> None:
    assert forecast.left_of_trials([], stopped=forecast.plan.arms) == 0


def test_rungs_count_who_came_continued_and_waits(forecast: Forecast) -> None:
    records = [
        trained(forecast, 0, 9, "done"),
        trained(forecast, 1, 1, "running"),
        trained(forecast, 2, 3, "waiting"),
        trained(forecast, 3, 1, "waiting"),
        trained(forecast, 4, 1, "stopped"),
    ]
    assert forecast.at_rungs(records) == [Rung(1, 5, 3, 1), Rung(3, 2, 1, 1)]
