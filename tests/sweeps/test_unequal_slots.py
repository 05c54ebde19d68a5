"""A run in which arms hold unequal shares of a GPU has the results of one in a single slot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.run import run_plan
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine, Slot
from tests.sweeps.test_run import Silent, records_of

SHARES = {"test_resnet": Slot(1, 0.5), "test_vit": Slot(1, 1.0)}


def run(plan: Plan) -> list[dict[str, Any]]:
    """The records of a run, without what trials held."""
    begin_run_directory(plan, "a test")
    trials = Ledger(plan.directory, "AP50")
    run_plan(plan, trials, Ledger(plan.directory, "AP50", "repeats"), Silent())
    records = records_of(plan.directory.path)
    for record in records:
        del record["gpu"]
    return records


@pytest.mark.slow
def test_the_search_decides_alike_whatever_the_arms_hold(
    make_sweep: Callable[..., Sweep], ray_cluster: Machine, tmp_path: Path, cache: Path
) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"]},
        fixed={"pretraining": "scratch", "batch_size": 16},
        budget={"trials": 6, "epochs": 3},
        scheduler={"name": "asha", "grace_epochs": 1, "factor": 3},
        resources={"cpu": 1},
    )
    plan = make_plan(sweep, tmp_path / "unequal", cache, [ray_cluster])
    unequal = replace(plan, measured={arm: SHARES[str(arm["backbone"])] for arm in plan.arms})
    single = make_plan(sweep, tmp_path / "single", cache, [ray_cluster])
    single = replace(single, slots=replace(single.slots, cpu=1, gpu=1.0))
    assert run(unequal) == run(single)
    held = {trial.arm["backbone"]: trial.gpu for trial in unequal.directory.trials()}
    assert held == {"test_resnet": 0.5, "test_vit": 1.0}
