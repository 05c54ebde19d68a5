"""Whatever Ray does with a trial, its job is heard of again."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from sweeps.dispatcher import Dispatcher, Jobs
from sweeps.failures import Failure
from sweeps.reports import Report
from sweeps.run import run_agenda
from sweeps.slots import Machine, Slot

STALL_S = 5.0
CORE = Slot(cpu=1, gpu=0)
BOTH_CORES = Slot(cpu=2, gpu=0)
HALF = Slot(cpu=1, gpu=0.5)


class Job(SimpleNamespace):
    name: str
    slot: Slot = CORE


class Work:
    """An agenda of jobs by name, whose trials all continue later."""

    def __init__(self, *names: str) -> None:
        self.left = [Job(name=name) for name in names]
        self.running: dict[str, Job] = {}
        self.failed: dict[str, Failure] = {}
        self.begun: list[str] = []

    @property
    def over(self) -> bool:
        return False

    def next(self, has_room: Callable[[Slot], bool]) -> Job | None:
        if not self.left or not has_room(self.left[0].slot):
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

    def fail(self, job: Job, failure: Failure) -> None:
        del self.running[job.name]
        self.failed[job.name] = failure

    def pauses(self, job: Job) -> bool:
        return True


class Ray:
    """What the dispatcher asks of Ray's controller; for some trials' workers there is no room."""

    def __init__(self, *without_room: Any) -> None:
        self._trial_to_actor = SimpleNamespace(get=id)
        self._actor_manager = SimpleNamespace(pending_actors=[id(one) for one in without_room])

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
        config=config,
        status=Trial.PENDING,
        error_file=None,
        set_config=set_config,
        run_metadata=SimpleNamespace(error_filename="error.txt"),
    )
    dispatcher.on_trial_add(None, trial)  # type: ignore[arg-type]
    return trial


def dispatcher_of(*names: str, slots: int = 1) -> tuple[Work, Dispatcher, Jobs]:
    work = Work(*names)
    dispatcher = Dispatcher(work, [Machine(slots, 0)])  # type: ignore[arg-type]
    return work, dispatcher, Jobs(dispatcher)


@pytest.mark.parametrize("status", [Trial.ERROR, Trial.TERMINATED])
def test_a_trial_that_ray_ends_without_a_word_has_lost_its_worker(status: str) -> None:
    """As when a worker could not be reset: then Ray calls nobody back."""
    work, dispatcher, jobs = dispatcher_of("a", "b")
    trial = trial_of(dispatcher, jobs.suggest("0"))
    assert jobs.suggest("1") is None, "its slot is taken"
    trial.status = status
    dispatcher.choose_trial_to_run(Ray())
    assert work.failed == {"a": Failure("lost", "lost", "its worker died or was killed")}
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


def test_a_job_for_whose_worker_no_node_has_room_gets_an_idle_one() -> None:
    """As when the node has been lost, or another sweep holds its place."""
    _, dispatcher, jobs = dispatcher_of("a", "b", slots=2)
    first = trial_of(dispatcher, jobs.suggest("0"))
    second = trial_of(dispatcher, jobs.suggest("1"))
    first.status = Trial.RUNNING
    assert dispatcher.choose_trial_to_run(Ray(second)) is None, "no worker is idle"
    dispatcher.on_trial_result(Ray(), first, {"report": Report({}, last=True)})
    assert dispatcher.choose_trial_to_run(Ray(second)) is second
    assert first.status == Trial.PAUSED


def test_idle_workers_make_room_for_a_job_that_holds_more() -> None:
    work, dispatcher, jobs = dispatcher_of("a", slots=2)
    first = trial_of(dispatcher, jobs.suggest("0"))
    first.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    dispatcher.on_trial_result(Ray(), first, {"report": Report({}, last=True)})
    work.left += [Job(name="wide", slot=Slot(2, 0)), Job(name="b")]
    wide = trial_of(dispatcher, jobs.suggest("1"))
    assert jobs.suggest("2") is None, "all cores are taken"
    assert dispatcher.choose_trial_to_run(Ray(wide)) is None, "it does not fit into an idle worker"
    assert first.status == Trial.PAUSED


def test_an_idle_worker_is_taken_over_by_a_job_that_holds_as_much() -> None:
    work, dispatcher, jobs = dispatcher_of(slots=4)
    dispatcher.machines = [Machine(4, 1)]
    work.left += [Job(name="half", slot=HALF), Job(name="whole", slot=HALF.doubled)]
    half = trial_of(dispatcher, jobs.suggest("0"))
    half.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    assert jobs.suggest("1") is None, "half a GPU is taken"
    dispatcher.on_trial_result(Ray(), half, {"report": Report({}, last=True)})
    whole = trial_of(dispatcher, jobs.suggest("1"))
    assert dispatcher.choose_trial_to_run(Ray(whole)) is None
    assert half.status == Trial.PAUSED, "it makes room"
    whole.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    dispatcher.on_trial_result(Ray(), whole, {"report": Report({}, last=True)})
    work.left.append(Job(name="next", slot=HALF.doubled))
    following = trial_of(dispatcher, jobs.suggest("2"))
    assert dispatcher.choose_trial_to_run(Ray()) is following


def test_small_shares_do_not_overtake_a_large_one_that_has_no_place() -> None:
    """Two GPUs that are half full are no place for a whole share, whatever their sum."""
    work, dispatcher, jobs = dispatcher_of()
    dispatcher.machines = [Machine(8, 2)]
    work.left += [Job(name="whole", slot=HALF.doubled), Job(name="half", slot=HALF)]
    whole = trial_of(dispatcher, jobs.suggest("0"))
    dispatcher.choose_trial_to_run(Ray(whole))
    assert jobs.suggest("1") is None, "Ray might give it the place that the large one waits for"
    whole.status = Trial.RUNNING
    dispatcher.choose_trial_to_run(Ray())
    assert jobs.suggest("1") == {"job": Job(name="half", slot=HALF)}


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


def test_what_a_job_raises_is_told_before_its_worker_ends() -> None:
    work, dispatcher, jobs = dispatcher_of("a")
    trial = trial_of(dispatcher, jobs.suggest("0"))
    failure = Failure("raised", "RuntimeError", "RuntimeError: CUDA out of memory")
    told = dispatcher.on_trial_result(Ray(), trial, {"failure": failure})
    assert told == TrialScheduler.CONTINUE
    assert work.failed == {}
    trial.status = Trial.ERROR
    assert jobs.suggest("1") is None
    assert work.failed == {"a": failure}


def test_where_a_report_cannot_be_recorded_the_run_ends_with_that_error() -> None:
    """Of what is raised while it is heard, Ray makes an error of its own."""

    class FullDisk(Work):
        def report(self, job: Job, report: Report) -> bool:
            raise full

    full = OSError(28, "No space left on device", "trial.json")
    dispatcher = Dispatcher(FullDisk("a"), [Machine(1, 0)])  # type: ignore[arg-type]
    trial = trial_of(dispatcher, Jobs(dispatcher).suggest("0"))
    told = dispatcher.on_trial_result(Ray(), trial, {"report": Report({})})
    assert told == TrialScheduler.NOOP
    with pytest.raises(OSError, match="No space left") as raised:
        dispatcher.choose_trial_to_run(Ray())
    assert raised.value is full


@dataclass(frozen=True)
class SlowToEnd:
    """A job whose worker takes longer to let go of it than Ray waits for a function trainable."""

    name: str
    slot: Slot = BOTH_CORES

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
    context: Any = SimpleNamespace(stall_s=None, deterministic=False)
    run_agenda(work, [ray_cluster], context, tmp_path / "ray")  # type: ignore[arg-type]
    assert (sorted(work.done), work.failed) == (["a", "b", "c"], {})


@dataclass(frozen=True)
class Hangs:
    """A job that hangs the first time, as a read from a dead file system."""

    name: str
    begun: Path
    slot: Slot = CORE

    def reports(self, context: object) -> Generator[Report]:
        again = self.begun.exists()
        self.begun.touch()
        if not again:
            time.sleep(100)
        yield Report({"epoch": 1}, last=True)


@dataclass(frozen=True)
class Slow:
    """A job whose epoch takes several times as long as a worker may do nothing."""

    name: str
    slot: Slot = CORE

    def reports(self, context: object) -> Generator[Report]:
        until = time.monotonic() + 4 * STALL_S
        while time.monotonic() < until:
            sum(range(100_000))
        yield Report({"epoch": 1}, last=True)


class Patient(Once):
    """Gives out again what has failed."""

    @property
    def over(self) -> bool:
        return len(self.done) == 2

    def fail(self, job: Job, failure: Failure) -> None:
        super().fail(job, failure)
        self.left.append(job)


@pytest.mark.slow
def test_a_hung_worker_is_ended_and_a_slow_one_is_not(ray_cluster: Machine, tmp_path: Path) -> None:
    work = Patient()
    work.left = [Hangs("hangs", tmp_path / "begun"), Slow("slow")]  # type: ignore[list-item]
    context: Any = SimpleNamespace(stall_s=STALL_S, deterministic=False)
    run_agenda(work, [ray_cluster], context, tmp_path / "ray")  # type: ignore[arg-type]
    assert sorted(work.done) == ["hangs", "slow"]
    assert work.failed.keys() == {"hangs"}
    assert "did nothing for" in work.failed["hangs"].reason


@dataclass(frozen=True)
class LeavesNoError:
    """A job whose error Ray cannot write down in full, as on a full disk."""

    name: str
    folder: Path
    slot: Slot = CORE

    def reports(self, context: object) -> Generator[Report]:
        trial = self.folder / self.name
        trial.mkdir(parents=True, exist_ok=True)
        (trial / "error.pkl").symlink_to("/dev/null")
        raise ValueError("no room")
        yield Report({})


@pytest.mark.slow
def test_an_error_that_ray_could_not_write_is_not_read_again(
    ray_cluster: Machine, tmp_path: Path
) -> None:
    work = Once("a", "b")
    work.left.append(LeavesNoError("fails", tmp_path / "ray"))  # type: ignore[arg-type]
    context: Any = SimpleNamespace(stall_s=None, deterministic=False)
    run_agenda(work, [ray_cluster], context, tmp_path / "ray")  # type: ignore[arg-type]
    assert (sorted(work.done), work.failed.keys()) == (["a", "b"], {"fails"})


@dataclass(frozen=True)
class Greedy:
    """A job that needs more than half of a GPU."""

    name: str
    slot: Slot = HALF

    def reports(self, context: object) -> Generator[Report]:
        if self.slot == HALF:
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield Report({"epoch": 1}, last=True)


class Generous(Once):
    """Gives a job that has failed the whole GPU."""

    def fail(self, job: Job, failure: Failure) -> None:
        super().fail(job, failure)
        self.left.append(replace(job, slot=HALF.doubled))  # type: ignore[type-var]

    @property
    def over(self) -> bool:
        return len(self.done) == 4


@pytest.mark.slow
def test_a_job_that_runs_out_of_memory_is_done_alone_on_the_gpu_and_its_neighbours_go_on(
    ray_cluster: Machine, tmp_path: Path
) -> None:
    work = Generous()
    work.left = [Greedy("greedy"), *(SlowToEnd(name, HALF) for name in "abc")]  # type: ignore[arg-type]
    context: Any = SimpleNamespace(stall_s=None, deterministic=False)
    run_agenda(work, [ray_cluster], context, tmp_path / "ray")  # type: ignore[arg-type]
    assert sorted(work.done) == ["a", "b", "c", "greedy"]
    assert {name: failure.kind for name, failure in work.failed.items()} == {"greedy": "memory"}
