"""A trial whose share of a GPU was too small goes on with more, and its record says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from sweeps.agenda import Agenda
from sweeps.failures import failure_of
from sweeps.jobs import Train
from sweeps.ledger import Ledger
from sweeps.plan import make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.views import Lines

FULL = failure_of(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))


def test_its_share_doubles_up_to_a_whole_gpu_and_then_it_has_failed(
    tmp_path: Path, cache: Path, make_sweep: Callable[..., Sweep]
) -> None:
    sweep = make_sweep(compare={"backbone": ["test_resnet"]}, fixed={"pretraining": "scratch"})
    plan = make_plan(sweep, tmp_path, cache, [Machine(4, 1)])
    plan = replace(plan, slots=replace(plan.slots, gpu=0.5, count=2))
    plan.directory.path.mkdir()
    trials, repeats = Ledger(plan.directory, "AP50"), Ledger(plan.directory, "AP50", "repeats")
    view = Lines(plan, [trials, repeats], Console(quiet=True))
    agenda = Agenda(plan, trials, repeats, view, None)
    first = agenda.next()
    assert isinstance(first, Train)
    agenda.started(first)
    agenda.fail(first, FULL)
    again = agenda.next()
    assert isinstance(again, Train)
    assert (again.training.name, first.slots, again.slots) == (first.training.name, 1, 2)
    record = trials.records[0]
    assert (record.gpu, record.retries, record.status) == (1.0, 0, "waiting")
    agenda.fail(again, FULL)
    assert record.status == "failed"
    assert "needs more than a whole GPU: lower batch_size" in str(record.reason)
