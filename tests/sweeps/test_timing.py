"""Models are timed when all else is done, one at a time, and each once."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from runs.factory import latency_of
from runs.records import LatencyRecord
from sweeps.agenda import Agenda
from sweeps.failures import lost_worker
from sweeps.jobs import Job, Time
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.views import Lines
from tests.sweeps.test_stops import report_of

ARMS = 2


@pytest.fixture
def plan(make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path) -> Plan:
    """Two arms, the better one of which is repeated, in three slots."""
    sweep = make_sweep(
        compare={"backbone": ["test_resnet"], "batch_size": [2, 4]},
        fixed={"pretraining": "scratch"},
        tune={"lr": {"log_uniform": [1e-4, 1e-2]}},
        budget={"trials": 6, "epochs": 3},
        repeats={"top": 1, "seeds": 2},
    )
    plan = make_plan(sweep, tmp_path, cache, [Machine(3, 0)])
    plan.directory.path.mkdir(parents=True)
    return plan


def agenda_of(plan: Plan, told: io.StringIO | None = None) -> Agenda:
    trials = Ledger(plan.directory, "AP50")
    repeats = Ledger(plan.directory, "AP50", "repeats")
    console = Console(file=told or io.StringIO(), width=200)
    return Agenda(plan, trials, repeats, Lines(plan, [trials, repeats], console), None)


def drive(agenda: Agenda, until: Callable[[Job], bool] = lambda job: False) -> list[Job]:
    """What is given out to three slots, in order; ends when the agenda does, or at such a job."""
    given: list[Job] = []
    while True:
        while len(agenda.running) < 3 and (job := agenda.next()):
            agenda.started(job)
            given.append(job)
            if isinstance(job, Time):
                assert list(agenda.running.values()) == [job], "alone"
            if until(job):
                return given
        if not agenda.running:
            return given
        job = next(iter(agenda.running.values()))
        agenda.report(job, report_of(agenda, job))


def is_timing(job: Job) -> bool:
    return isinstance(job, Time)


def test_the_best_trial_of_each_arm_is_timed_alone_and_last(plan: Plan) -> None:
    told = io.StringIO()
    agenda = agenda_of(plan, told)
    given = drive(agenda)
    assert agenda.complete
    assert [is_timing(job) for job in given] == [False] * (len(given) - ARMS) + [True] * ARMS
    best = {arm.trial.name for arm in agenda.trials.standings()}
    assert plan.directory.latency().models == dict.fromkeys(best, latency_of(1.0))
    assert len(plan.directory.test().scores) == ARMS + 2, "repeats are scored, and not timed"
    for name in best:
        assert f"{name}: timing" in told.getvalue()


def test_a_resumed_run_times_what_is_not_on_record(plan: Plan) -> None:
    agenda = agenda_of(plan)
    drive(agenda, is_timing)
    (first,) = agenda.running.values()
    agenda.report(first, report_of(agenda, first))
    resumed = agenda_of(plan)
    (second,) = drive(resumed)
    assert isinstance(second, Time)
    assert second.name != first.name
    assert resumed.complete
    assert agenda_of(plan).next() is None


def test_a_run_that_was_scored_by_an_earlier_version_is_timed(plan: Plan) -> None:
    drive(agenda_of(plan))
    plan.directory.write_latency(LatencyRecord())
    assert list(map(is_timing, drive(agenda_of(plan)))) == [True] * ARMS


def test_a_timing_whose_worker_is_lost_is_tried_again_and_then_named(plan: Plan) -> None:
    agenda = agenda_of(plan)
    drive(agenda, is_timing)
    (job,) = agenda.running.values()
    for _ in range(plan.sweep.retries):
        agenda.fail(job, lost_worker(""))
        again = agenda.next()
        assert again == job
    agenda.fail(job, lost_worker(""))
    following = agenda.next()
    assert isinstance(following, Time)
    assert following != job
    (failure,) = agenda.failures
    assert "could not be timed" in failure
