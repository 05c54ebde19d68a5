"""A run on Ray: makes initial weights, trains and repeats trials, and scores the best on test."""

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import ray
from ray import tune

from runs.errors import EosweepError
from runs.records import StageRecord
from sweeps.agenda import Agenda
from sweeps.disk import of_trainings
from sweeps.dispatcher import Dispatcher, Jobs
from sweeps.failures import Failure, failure_of
from sweeps.jobs import JobContext
from sweeps.ledger import Ledger
from sweeps.nodes import machines_of
from sweeps.plan import Plan
from sweeps.signals import held_back, ignore_interrupts
from sweeps.slots import Machine
from sweeps.trial import TrialContext
from sweeps.view import View
from sweeps.worker import Worker

NODES_EVERY_S = 5.0
"""How often a cluster is asked for its nodes."""


class RunError(EosweepError):
    """The run cannot continue; the message says what failed."""


class HaltedError(EosweepError):
    """Nothing works any more; the message says why. What was not done waits for `--resume`."""


class OutOfTimeError(EosweepError):
    """The sweep's `budget.hours` are over; `--resume` continues the run."""


def run_plan(
    plan: Plan, trials: Ledger, repeats: Ledger, view: View, *, retry_failed: bool = False
) -> None:
    """Make the stages, run the trials, repeat the best, score on test. Ray must have started.

    Args:
        retry_failed: trials and repeats that have failed in an earlier command are tried again.

    Raises:
        HaltedError: several jobs in a row could not read or write, or the run directory cannot be
            written.
        RunError: initial weights could not be made, or a trial could not be scored on test.
        OutOfTimeError: `budget.hours` are over; everything that was done is on record.
        ReplayError: the run that is resumed has other trials than the search proposes.
        KeyboardInterrupt: interrupted by the user; everything that was done is on record.
    """
    hours = plan.sweep.budget.hours
    deadline = None if hours is None else time.monotonic() + hours * 3600
    run_until(deadline, plan, trials, repeats, view, retry_failed=retry_failed)


def run_until(
    deadline: float | None,
    plan: Plan,
    trials: Ledger,
    repeats: Ledger,
    view: View,
    *,
    retry_failed: bool = False,
) -> None:
    """The same, up to a time by `time.monotonic`; None for no limit."""
    agenda = Agenda(plan, trials, repeats, view, deadline, retry_failed=retry_failed)
    try:
        try:
            context = context_of(plan, deadline)
            run_agenda(agenda, plan.machines, context, plan.directory.path / "ray")
        finally:
            with held_back():
                agenda.leave()
        record_stages(plan)
    except OSError as error:
        raise HaltedError(why_halted(failure_of(error), plan)) from error
    if agenda.halted is not None:
        raise HaltedError(why_halted(agenda.halted, plan))
    if agenda.failures:
        raise RunError("\n".join(agenda.failures))
    if not agenda.complete:
        if agenda.stopped:
            raise OutOfTimeError
        ignore_interrupts()
        raise KeyboardInterrupt  # Tune handles the interrupt itself and returns


def why_halted(failure: Failure, plan: Plan) -> str:
    """What could not be read or written; where the disk is full, also how much is needed."""
    if failure.cause != "ENOSPC":
        return failure.reason
    return f"{failure.reason}; still to be written: {of_trainings(plan).sentence()}"


def run_agenda(
    agenda: Agenda, machines: Sequence[Machine], context: JobContext, folder: Path
) -> None:
    """Let Ray Tune do the agenda's jobs on `machines`; `folder` is Ray's own, and is deleted."""
    dispatcher = Dispatcher(agenda, machines, context.stall_s)
    worker = tune.with_parameters(Worker, context=context)
    shutil.rmtree(folder, ignore_errors=True)
    # Ray would start workers one after another, and write its own state, which nothing reads,
    # again and again. How many are started, the dispatcher says: nodes may join.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(10**6)
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = str(10**9)
    tuner = tune.Tuner(
        tune.with_resources(worker, request_of),
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
    try:
        with _own_signals(), _following_nodes(dispatcher):
            tuner.fit()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def request_of(config: dict[str, Any]) -> tune.PlacementGroupFactory:
    """What the worker of a job holds: cores, and a share of one GPU."""
    slot = config["job"].slot
    return tune.PlacementGroupFactory([{"CPU": slot.cpu, "GPU": slot.gpu}])


@contextlib.contextmanager
def _following_nodes(dispatcher: Dispatcher) -> Iterator[None]:
    """Use the nodes that join a cluster while a sweep runs, and no longer those that leave it."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(NODES_EVERY_S):
            dispatcher.machines = machines_of(ray.nodes())

    following = threading.Thread(target=follow, name="nodes", daemon=True)
    following.start()
    try:
        yield
    finally:
        over.set()
        following.join(timeout=5)  # not for ever: Ray may have died


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
    """What all jobs of a run have in common.

    A deadline by `time.monotonic` is not known on other machines: workers are told it as unix time.
    Should a clock be set, a worker pauses too early or too late, and the driver decides as before.
    """
    if deadline is not None:
        deadline += time.time() - time.monotonic()
    return JobContext(
        trials=TrialContext(
            task=plan.sweep.task,
            metric=plan.sweep.metric,
            metrics=plan.metrics,
            whole_scenes=plan.sweep.whole_scenes,
            data=plan.data,
            cache=plan.cache,
            slot=plan.slots.each,
            varied=(*plan.sweep.compare, *plan.sweep.tune),
            directory=plan.sync.jobs,
            deadline=deadline,
        ),
        cache=plan.cache,
        pretraining_epochs=plan.sweep.budget.pretraining_epochs,
        stall_s=None if plan.sweep.stall_minutes is None else 60 * plan.sweep.stall_minutes,
        deterministic=plan.sweep.deterministic,
        sync=plan.sync,
    )


def record_stages(plan: Plan) -> None:
    """Write `stages.json`: what trained initial weights cost, and which arms start from them."""
    rows = []
    for stage in plan.stages:
        if stage.train is not None and (stored := plan.stored(stage)):
            log = cast(list[dict[str, float]], stored.record["epochs_log"])
            rows.append(
                StageRecord(
                    name=stage.name,
                    kind=stage.kind,
                    seconds=sum(epoch["seconds"] for epoch in log),
                    device=cast(str, stored.record["device"]),
                    arms=plan.served_by(stage),
                    gpu=plan.slot_of_stage(stage).gpu or None,
                )
            )
    plan.directory.write_stages(rows)
