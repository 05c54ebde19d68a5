"""A trial that runs out of a GPU's memory goes on with more of it, then in smaller parts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from runs.factory import trial_record
from runs.records import TrialRecord
from sweeps.agenda import Agenda
from sweeps.failures import failure_of
from sweeps.jobs import Train
from sweeps.ledger import Ledger
from sweeps.out_of_memory import larger_share, smaller_batches
from sweeps.plan import Plan, make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine, Slot
from sweeps.views import Lines

FULL = failure_of(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
WHOLE = Slot(cpu=1, gpu=1.0)


@pytest.fixture
def plan(make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path) -> Plan:
    """One arm, with batch normalisation, in halves of a GPU."""
    sweep = make_sweep(
        compare={"backbone": ["test_resnet"]},
        fixed={"pretraining": "scratch", "batch_size": 8},
        resources={"gpu": 0.5, "cpu": 2},
    )
    plan = make_plan(sweep, tmp_path, cache, [Machine(4, 1)])
    plan.directory.path.mkdir()
    return plan


def agenda_of(plan: Plan) -> Agenda:
    trials, repeats = Ledger(plan.directory, "AP50"), Ledger(plan.directory, "AP50", "repeats")
    return Agenda(plan, trials, repeats, Lines(plan, [trials, repeats], Console(quiet=True)), None)


def given(agenda: Agenda) -> Train:
    job = agenda.next()
    assert isinstance(job, Train)
    agenda.started(job)
    return job


def test_its_share_doubles_then_its_batches_halve_and_then_it_has_failed(plan: Plan) -> None:
    agenda = agenda_of(plan)
    held = []
    for _ in range(4):
        job = given(agenda)
        config = job.training.config
        held.append((job.slot.gpu, config["batch_size"], config["effective_batch"]))
        agenda.fail(job, FULL)
    assert held == [(0.5, 8, None), (1.0, 8, None), (1.0, 4, 8), (1.0, 2, 8)]
    record = agenda.trials.records[0]
    assert (record.status, record.config["batch_size"]) == ("failed", 8)
    assert "also with 2 images at once: lower batch_size" in str(record.reason)


def test_a_resumed_run_goes_on_with_what_is_on_record(plan: Plan) -> None:
    agenda = agenda_of(plan)
    for _ in range(2):
        agenda.fail(given(agenda), FULL)
    again = given(agenda_of(plan))
    assert (again.slot.gpu, again.training.config["batch_size"]) == (1.0, 4)
    record = plan.directory.trials()[0]
    assert (record.out_of_memory, record.halved, record.retries) == (2, 1, 0)
    assert record.normalised == ("BatchNorm2d",)
    on_the_cpu = replace(plan, slots=replace(plan.slots, gpu=0.0))
    assert given(agenda_of(on_the_cpu)).slot.gpu == 0


def test_neighbours_keep_their_share(plan: Plan) -> None:
    agenda = agenda_of(plan)
    first, second = given(agenda), given(agenda)
    agenda.fail(first, FULL)
    again = given(agenda)
    assert (again.name, again.slot.gpu) == (first.name, 1.0)
    assert given(agenda).slot == second.slot


def test_without_a_gpu_there_is_no_larger_share_to_be_given() -> None:
    assert larger_share(Slot(cpu=1, gpu=0.0)) is None


@pytest.mark.parametrize(
    ("images", "norms", "sizes"),
    [
        (32, [], [16, 8, 4]),  # three times, and no more
        (6, [], [3, 1]),
        (6, ["BatchNorm2d"], [3]),  # of one image there is nothing to normalise over
        (1, [], []),
    ],
)
def test_images_at_once_are_halved_as_far_as_it_goes(
    images: int, norms: list[str], sizes: list[int]
) -> None:
    record: TrialRecord = trial_record(0, {"backbone": "a"}, 0.5, config={"batch_size": images})
    found = []
    while relief := smaller_batches(record, WHOLE, norms):
        record.halved = relief.halved
        found.append(record.images_at_once)
        assert record.trained_as["effective_batch"] == images
    assert found == sizes
