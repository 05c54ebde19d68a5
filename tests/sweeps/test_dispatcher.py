"""Whatever Ray does with a trial, its job is heard of again."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from sweeps.dispatcher import Dispatcher, Jobs
from sweeps.reports import Report
from sweeps.run import run_agenda
from sweeps.slots import Machine, Slots


class Job(SimpleNamespace):
    name: str


class Work:
    """An agenda of jobs by name, whose trials all continue later."""

    def __init__(self, *names: str) -> None:
        self.left = [Job(name=name) for name in names]
        self.running: dict[str, Job] = {}
        self.failed: dict[str, str] = {}
        self.begun: list[str] = []

    @property
    def over(self) -> bool:
        return False

    def next(self) -> Job | None:
        if not self.left:
            return None
        job = self.left.pop(0)
        self.running[job.name] = job
        return job

    def heed(self) -> None:
        """Nobody stops anything."""

    def started(self, job: Job) -> None:
        self.begun.append(job.name)

    def report(self, job: Job, report: Report) -> bool:
        if report.last:
            del self.running[job.name]
        return not report.last

    def fail(self, job: Job, reason: str) -> None:
        del self.running[job.name]
        self.failed[job.name] = reason

    def pauses(self, job: Job) -> bool:
        return True


class Ray:
    """What the dispatcher asks of Ray's controller."""

    def pause_trial(self, trial: Any, should_checkpoint: bool) -> None:
        assert not should_checkpoint
        trial.status = Trial.PAUSED

    def stop_trial(self, trial: Any) -> None:
        trial.status = Trial.TERMINATED


def trial_of(dispatcher: Dispatcher, config: Any) -> Any:
    """Ray's trial of a suggestion."""

    def set_config(new: Any) -> None:
        trial.config = new

    trial = SimpleNamespace(
        config=config, status=Trial.PENDING, error_file=None, set_config=set_config
    )
    dispatcher.on_trial_add(None, trial)  # type: ignore[arg-type]
    return trial


def dispatcher_of(*names: str, slots: int = 1) -> tuple[Work, Dispatcher, Jobs]:
    work = Work(*names)
    dispatcher = Dispatcher(work, slots)  # type: ignore[arg-type]
    return work, dispatcher, Jobs(dispatcher)


@pytest.mark.parametrize("status", [Trial.ERROR, Trial.TERMINATED])
def test_a_trial_that_ray_ends_without_a_word_has_failed(status: str) -> None:
    """As when a worker could not be reset: then Ray calls nobody back."""
    work, dispatcher, jobs = dispatcher_of("a", "b")
    trial = trial_of(dispatcher, jobs.suggest("0"))
    assert jobs.suggest("1") is None, "its slot is taken"
    trial.status = status
    dispatcher.choose_trial_to_run(Ray())
    assert work.failed == {"a": "its worker died and left no message"}
    assert jobs.suggest("1") == {"job": Job(name="b")}, "its slot is free"


def test_an_idle_worker_is_kept_until_there_is_a_job_and_then_taken_over() -> None:
    work, dispatcher, jobs = dispatcher_of("a")
    first = trial_of(dispatcher, jobs.suggest("0"))
    first.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    assert work.begun == ["a"]
    report = {"report": Report({}, last=True)}
    assert dispatcher.on_trial_result(Ray(), first, report) == TrialScheduler.NOOP
    dispatcher.choose_trial_to_run(Ray())
    assert first.status == Trial.RUNNING, "nothing to do: the worker stays"
    work.left.append(Job(name="b"))
    second = trial_of(dispatcher, jobs.suggest("1"))
    assert dispatcher.choose_trial_to_run(Ray()) is second
    assert first.status == Trial.PAUSED


def test_a_worker_that_is_still_starting_is_not_replaced_by_an_idle_one() -> None:
    _, dispatcher, jobs = dispatcher_of("a", "b", slots=2)
    first = trial_of(dispatcher, jobs.suggest("0"))
    trial_of(dispatcher, jobs.suggest("1"))
    first.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    dispatcher.on_trial_result(Ray(), first, {"report": Report({}, last=True)})
    assert dispatcher.choose_trial_to_run(Ray()) is None
    assert first.status == Trial.RUNNING


def test_a_trial_continues_in_its_own_worker_if_that_is_idle() -> None:
    work, dispatcher, jobs = dispatcher_of("a")
    trial = trial_of(dispatcher, jobs.suggest("0"))
    trial.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    dispatcher.on_trial_result(Ray(), trial, {"report": Report({}, last=True)})
    again = Job(name="a", stretch=2)
    work.left.append(again)
    assert jobs.suggest("1") is None, "Ray knows the trial"
    assert dispatcher.choose_trial_to_run(Ray()) is trial
    assert (trial.status, trial.config["job"].stretch) == (Trial.PAUSED, 2)


@dataclass(frozen=True)
class SlowToEnd:
    """A job whose worker takes longer to let go of it than Ray waits for a function trainable."""

    name: str

    def reports(self, context: object) -> Generator[Report]:
        try:
            yield Report({"epoch": 1}, last=True)
        finally:
            time.sleep(4)


class Once(Work):
    """Jobs that are done once, and never continue."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.left = [SlowToEnd(name) for name in names]  # type: ignore[misc]
        self.done: list[str] = []

    @property
    def over(self) -> bool:
        return len(self.done) + len(self.failed) == 3

    def report(self, job: Job, report: Report) -> bool:
        self.done.append(job.name)
        return super().report(job, report)

    def pauses(self, job: Job) -> bool:
        return False


@pytest.mark.slow
def test_a_job_that_takes_long_to_end_does_not_fail_the_next_one(
    ray_cluster: Machine, tmp_path: Path
) -> None:
    work = Once("a", "b", "c")
    slots = Slots(cpu=1, gpu=0, count=1, per_machine=1)
    run_agenda(work, slots, None, tmp_path / "ray")  # type: ignore[arg-type]
    assert (work.done, work.failed) == (["a", "b", "c"], {})
