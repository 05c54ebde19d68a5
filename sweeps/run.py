"""A run on Ray: makes initial weights, trains and repeats trials, and scores the best on test."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ray import tune

from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.records import StageRecord
from sweeps.agenda import Agenda
from sweeps.dispatcher import Dispatcher, Jobs
from sweeps.jobs import JobContext
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.slots import Slots
from sweeps.trial import TrialContext
from sweeps.view import View
from sweeps.worker import Worker


class RunError(EosweepError):
    """The run cannot continue; the message says what failed."""


class OutOfTimeError(EosweepError):
    """The sweep's `budget.hours` are over; `--resume` continues the run."""


def run_plan(plan: Plan, trials: Ledger, repeats: Ledger, view: View) -> None:
    """Make the stages, run the trials, repeat the best, score on test. Ray must have started.

    Raises:
        RunError: initial weights could not be made, or a trial could not be scored on test.
        OutOfTimeError: `budget.hours` are over; everything that was done is on record.
        ReplayError: the run that is resumed has other trials than the search proposes.
        KeyboardInterrupt: interrupted by the user; everything that was done is on record.
    """
    hours = plan.sweep.budget.hours
    run_until(None if hours is None else time.time() + hours * 3600, plan, trials, repeats, view)


def run_until(
    deadline: float | None, plan: Plan, trials: Ledger, repeats: Ledger, view: View
) -> None:
    """The same, up to a unix time in seconds; None for no limit."""
    agenda = Agenda(plan, trials, repeats, view, deadline)
    try:
        run_agenda(agenda, plan.slots, context_of(plan, deadline), plan.directory.path / "ray")
    finally:
        agenda.leave()
    record_stages(plan)
    if agenda.failures:
        raise RunError("\n".join(agenda.failures))
    if not agenda.complete:
        if agenda.stopped:
            raise OutOfTimeError
        raise KeyboardInterrupt  # Tune handles the signal itself and returns


def run_agenda(agenda: Agenda, slots: Slots, context: JobContext, folder: Path) -> None:
    """Let Ray Tune do the agenda's jobs in the slots; `folder` is Ray's own, and is emptied."""
    dispatcher = Dispatcher(agenda, slots.count)
    worker = tune.with_parameters(Worker, context=context)
    slot = {"cpu": slots.cpu, "gpu": slots.gpu}
    shutil.rmtree(folder, ignore_errors=True)
    # Ray would start workers one after another, and write its own state, which nothing reads,
    # again and again.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots.count)
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = str(10**9)
    tuner = tune.Tuner(
        tune.with_resources(worker, slot),
        tune_config=tune.TuneConfig(
            search_alg=Jobs(dispatcher),
            scheduler=dispatcher,
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.config["job"].name,
            trial_dirname_creator=lambda trial: trial.config["job"].name.replace(" ", "-"),
        ),
        run_config=tune.RunConfig(
            name=folder.name, storage_path=str(folder.parent.resolve()), verbose=0
        ),
    )
    with _own_signals():
        tuner.fit()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Restore our signal handlers after Tune has run: it does not remove its own."""
    taken = (signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def context_of(plan: Plan, deadline: float | None = None) -> JobContext:
    """What all jobs of a run have in common."""
    return JobContext(
        trials=TrialContext(
            task=plan.sweep.task,
            metric=plan.sweep.metric,
            metrics=plan.metrics,
            data=plan.data,
            slots=plan.slots,
            varied=(*plan.sweep.compare, *plan.sweep.tune),
            directory=RunDirectory(plan.directory.path.resolve()),
            deadline=deadline,
        ),
        cache=plan.cache.resolve(),
        pretraining_epochs=plan.sweep.budget.pretraining_epochs,
    )


def record_stages(plan: Plan) -> None:
    """Write `stages.json`: what trained initial weights cost, and which arms start from them."""
    rows = []
    for stage in plan.stages:
        if stage.train is not None and (stored := stage.stored(plan.cache)):
            log = cast(list[dict[str, float]], stored.record["epochs_log"])
            rows.append(
                StageRecord(
                    name=stage.name,
                    kind=stage.kind,
                    seconds=sum(epoch["seconds"] for epoch in log),
                    device=cast(str, stored.record["device"]),
                    arms=plan.served_by(stage),
                )
            )
    plan.directory.write_stages(rows)
