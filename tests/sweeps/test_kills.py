"""Workers are killed with -9, or the data vanish: trials and scores are those of a quiet run."""

import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.run import HaltedError, run_plan
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine
from tests.processes import titled

SWEEP: dict[str, Any] = {
    "task": "segmentation",
    "metric": "IoU/landslide",
    "dataset": {"name": "landslide4sense", "image_size": 32, "min_area": 2},
    "compare": {"pretraining": ["scratch", "mae"]},
    "tune": {"lr": {"log_uniform": [1e-4, 1e-2]}},
    "fixed": {"backbone": "test_resnet"},
    "budget": {"trials": 4, "epochs": 4, "pretraining_epochs": 3},
    "scheduler": {"name": "asha", "grace_epochs": 2, "factor": 2},
    "repeats": {"top": 1, "seeds": 2},
    "resources": {"cpu": 2},
}


class Witness:
    """A view that notes what was lost."""

    def __init__(self) -> None:
        self.losses: list[tuple[str, str]] = []

    def stage_started(self, name: str) -> None: ...

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None: ...

    def stage_done(self, name: str, seconds: float) -> None: ...

    def stage_left(self, name: str) -> None: ...

    def trial_started(self, record: TrialRecord) -> None: ...

    def trial_epoch(self, record: TrialRecord) -> None: ...

    def trial_paused(self, record: TrialRecord) -> None: ...

    def trial_ended(self, record: TrialRecord) -> None: ...

    def lost(self, name: str, why: str) -> None:
        self.losses.append((name, why))

    def arms_stopped(self, arms: Collection[Arm]) -> None: ...

    def scoring(self, name: str, left: int) -> None: ...

    def timing(self, name: str, left: int) -> None: ...


class Killer(Witness):
    """Kills the worker once at each kind of moment: in a stage, a trial, a scoring, …."""

    def __init__(self) -> None:
        super().__init__()
        self.left = {"stage", "trial", "paused", "repeat", "scoring", "timing"}

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None:
        if epoch == 2:
            self._kill("stage")

    def trial_epoch(self, record: TrialRecord) -> None:
        if record.trained == 3:
            self._kill("repeat" if record.of else "trial")

    def trial_paused(self, record: TrialRecord) -> None:
        self._kill("paused")

    def scoring(self, name: str, left: int) -> None:
        self._kill("scoring")

    def timing(self, name: str, left: int) -> None:
        self._kill("timing")

    def _kill(self, moment: str) -> None:
        if moment in self.left:
            self.left.remove(moment)
            for worker in workers():
                os.kill(worker.pid, signal.SIGKILL)


def workers() -> Iterator[psutil.Process]:
    """The processes of this process's Ray that do jobs."""
    for process, title in titled(os.getpid()):
        other = any(word in title for word in ("ray::IDLE", "Agent"))
        if title.startswith(("ray::", "trial ", "weights ", "test ", "timing ")) and not other:
            yield process


class Thief(Witness):
    """Takes the data away after the first epoch of a trial, and the worker that has them open."""

    def __init__(self, data: Path) -> None:
        super().__init__()
        self.data = data

    def trial_epoch(self, record: TrialRecord) -> None:
        if self.data.exists():
            self.data.rename(self.hidden)
            for worker in workers():
                os.kill(worker.pid, signal.SIGKILL)

    @property
    def hidden(self) -> Path:
        return self.data.with_name("away")


class Hunter(Witness):
    """Kills the worker of one trial whenever it has begun."""

    def trial_started(self, record: TrialRecord) -> None:
        if record.number == 0:
            for worker in workers():
                os.kill(worker.pid, signal.SIGKILL)


def plan_of(name: str, results: Path, cache: Path, machine: Machine, **changes: Any) -> Plan:
    sweep = Sweep.model_validate({"name": name, **SWEEP, **changes})
    plan = make_plan(sweep, results, cache, [machine])
    begin_run_directory(plan, "a test")
    return plan


def run(plan: Plan, view: Witness, *, retry_failed: bool = False) -> None:
    metric = plan.sweep.metric
    ledgers = Ledger(plan.directory, metric), Ledger(plan.directory, metric, "repeats")
    run_plan(plan, *ledgers, view, retry_failed=retry_failed)


def trained(directory: RunDirectory) -> list[TrialRecord]:
    return [*directory.trials(), *directory.repeats()]


def results_of(directory: RunDirectory) -> list[Any]:
    """What is the same however often workers were lost."""
    timed = ("seconds", "time")
    records = trained(directory)
    epochs = [
        [{key: value for key, value in epoch.items() if key not in timed} for epoch in one.epochs]
        for one in records
    ]
    scores, models = directory.test().scores, sorted(directory.latency().models)
    told = {"epochs", "seen", "seconds", "retries"}
    return [[one.model_dump(exclude=told) for one in records], epochs, scores, models]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, cache: Path, ray_cluster: Machine) -> list[Any]:
    """The results of a run that nothing happens to."""
    plan = plan_of("quiet", tmp_path_factory.mktemp("quiet"), cache, ray_cluster)
    run(plan, Witness())
    return results_of(plan.directory)


@pytest.mark.slow
def test_a_run_whose_workers_are_killed_is_the_quiet_run(
    quiet: list[Any], ray_cluster: Machine, tmp_path: Path
) -> None:
    plan, killer = plan_of("killed", tmp_path, tmp_path / "cache", ray_cluster), Killer()
    run(plan, killer)
    assert killer.left == set()
    assert len(killer.losses) == 6, "of a waiting worker, its next job is lost"
    assert {why for _, why in killer.losses} == {"its worker died or was killed"}
    assert results_of(plan.directory) == quiet
    assert sum(record.retries for record in trained(plan.directory)) == 3
    assert not list(plan.directory.path.glob("*/*/resume.pt*"))


@pytest.mark.slow
def test_a_sweep_whose_data_are_gone_stops_and_loses_nothing(
    quiet: list[Any], ray_cluster: Machine, tmp_path: Path
) -> None:
    plan = plan_of("stolen", tmp_path, tmp_path / "cache", ray_cluster)
    thief = Thief(plan.data.folder)
    with pytest.raises(HaltedError, match="does not see"):
        run(plan, thief)
    assert {record.status for record in trained(plan.directory)} <= {"waiting", "done"}
    thief.hidden.rename(thief.data)
    run(plan, Witness())
    assert results_of(plan.directory) == quiet


@pytest.mark.slow
def test_a_trial_whose_worker_dies_again_and_again_has_failed_until_it_is_tried_again(
    cache: Path, ray_cluster: Machine, tmp_path: Path
) -> None:
    small: dict[str, Any] = {
        "compare": {"pretraining": ["scratch"]},
        "budget": {"trials": 2, "epochs": 1},
        "repeats": None,
        "retries": 1,
    }
    plan = plan_of("hunted", tmp_path, cache, ray_cluster, **small)
    run(plan, Hunter())
    hunted, other = plan.directory.trials()
    assert (hunted.status, other.status) == ("failed", "done")
    assert hunted.reason == "its worker died or was killed; tried 2 times"
    assert hunted.retries == 1
    run(plan, Witness(), retry_failed=True)
    assert [record.status for record in plan.directory.trials()] == ["done", "done"]
    assert plan.directory.trials()[1] == other
