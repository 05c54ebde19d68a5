"""A run that has too little space is refused before it starts, with what is needed and free."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.disk import check_disk, needs
from sweeps.faults import SweepError
from sweeps.lock import exclusive
from sweeps.plan import Plan, make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine
from tests.mounts import mounted, read_only

ONE_SLOT = [Machine(cpus=1, gpus=0)]


@pytest.fixture
def plan(make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path) -> Plan:
    return make_plan(make_sweep(), tmp_path / "results", cache, ONE_SLOT)


def on_a_disk_of(plan: Plan, folder: Path) -> Plan:
    """The same plan, whose run directory would lie in `folder`."""
    return replace(plan, directory=replace(plan.directory, path=folder / "run"))


def test_what_trainings_take_follows_from_the_parameters_of_the_arms(plan: Plan) -> None:
    (trainings,) = [need for need in needs(plan) if need.folder == plan.directory.path]
    largest, all_arms = max(plan.weights.values()), sum(plan.weights.values())
    assert trainings.least == all_arms + largest, "best weights, and one training's latest ones"
    assert trainings.most == all_arms + 12 * (1 + 2 * 3) * largest, "if all 12 trials wait"


def test_initial_weights_that_are_to_be_made_need_space_in_the_cache(
    plan: Plan, tmp_path: Path
) -> None:
    needed = {need.folder: need.least for need in needs(replace(plan, cache=tmp_path / "new"))}
    assert needed[tmp_path / "new"] == sum(
        max(plan.weights[arm] for arm in plan.served_by(stage)) for stage in plan.stages
    )


def test_a_disk_that_is_surely_too_small_is_refused(plan: Plan, tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as small,
        pytest.raises(SweepError, match=r"weights in \S+ need at least .* and 1\.0 MB are free"),
    ):
        check_disk(on_a_disk_of(plan, small))


def test_one_that_may_be_too_small_is_said_in_the_plan(plan: Plan, tmp_path: Path) -> None:
    least = next(need.least for need in needs(plan) if need.folder == plan.directory.path)
    size = f"size={2 * least}"
    with mounted(tmp_path / "middling", "-t", "tmpfs", "-o", size, "tmpfs") as middling:
        tight = on_a_disk_of(plan, middling)
        check_disk(tight)
        assert any("this may be too little" in need.sentence() for need in needs(tight))


def test_a_read_only_cache_that_lacks_weights_is_refused(plan: Plan, tmp_path: Path) -> None:
    empty = tmp_path / "cache"
    empty.mkdir()
    with read_only(empty), pytest.raises(SweepError, match=r"read-only, .*\(mae-.*--cache DIR"):
        check_disk(replace(plan, cache=empty))


def test_read_only_results_are_refused_before_any_work(tmp_path: Path) -> None:
    with (
        read_only(tmp_path),
        pytest.raises(SweepError, match=r"read-only: choose .* --results DIR"),
        exclusive(tmp_path / "run"),
    ):
        pass


@pytest.mark.parametrize("megabytes", [64, 256])
def test_the_object_store_lies_on_disk_where_shared_memory_is_small(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int
) -> None:
    """Containers have 64 MB of shared memory unless they are given more."""
    with mounted(tmp_path / "shm", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs") as shared:
        monkeypatch.setattr("sweeps.disk.SHARED_MEMORY", shared)
        (store,) = [need for need in needs(plan) if need.what == "Ray's object store"]
        assert (store.folder == shared) == (megabytes == 256)
