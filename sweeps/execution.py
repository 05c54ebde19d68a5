"""A sweep from its plan to its report, and what is said on the way; with a screen, twice."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from runs.directory import RunDirectory
from runs.shown import Shown
from runs.storage import StorageError
from sweeps.cards import Card
from sweeps.cluster import RayNotStartedError, cluster
from sweeps.commands import from_here, module, typed_command
from sweeps.disk import check_disk
from sweeps.gauging import NoGpuError, measured
from sweeps.hints import show_how_to_resume, show_what_is_resumed, show_where_to_look
from sweeps.ledger import Ledger
from sweeps.lock import exclusive
from sweeps.mps import MpsError, check_mps
from sweeps.plan import Plan, make_plan
from sweeps.reach import check_nodes
from sweeps.run import HaltedError, OutOfTimeError, RunError, run_plan
from sweeps.run_directory import begin_run_directory, check_run_directory
from sweeps.schema import Sweep
from sweeps.screen import Screened, probes_of, screened
from sweeps.search import ReplayError
from sweeps.show import show_plan, show_slots
from sweeps.signals import heed_interrupts
from sweeps.slots import Machine
from sweeps.stored_run import copied_to_storage
from sweeps.sync import SyncError
from sweeps.tracking.driver import tracked
from sweeps.views import view_for
from sweeps.watch import RayLostError

DONE, FAILED, OUT_OF_TIME, INTERRUPTED = 0, 1, 3, 130
"""Exit statuses."""


@dataclass(frozen=True)
class Order:
    """What a command asks for, beside the sweep.

    Attributes:
        file, overrides: what the sweep was read from.
        results, cache: folders of run directories, and of decoded data and initial weights.
        address: of the cluster to join; None: Ray is started on this machine.
        machines: that there are.
        dry_run: print the plan and stop.
        resume: continue a run that was begun.
        retry_failed: train again what has failed.
        card: the GPU that trials run on; None if it is not known.
    """

    file: Path
    overrides: Sequence[str]
    results: Path
    cache: Path
    address: str | None
    machines: list[Machine]
    dry_run: bool
    resume: bool
    retry_failed: bool
    card: Card | None


def execute(sweep: Sweep, order: Order, console: Console) -> int:
    """Plan, run, rank; before that, the sweep's screen. Gives the exit status.

    Raises:
        EosweepError: the sweep cannot run as it is written; the message says what to do.
    """
    if sweep.resources.mps:
        check_mps(order.address, order.machines, dry_run=order.dry_run)
    begun = RunDirectory(order.results / sweep.name).begun()
    if sweep.screen is None or begun or order.dry_run:
        return _execute(sweep, order, console)
    probing = probes_of(sweep)
    directory = RunDirectory(order.results / probing.name)
    resume = order.resume and directory.begun()
    console.print(f"screen: every arm as a frozen probe, as {probing.name}", highlight=False)
    status = _execute(probing, replace(order, resume=resume), console)
    if status != DONE:
        return status
    console.print(f"screen: the best {sweep.screen.keep} arms go on", highlight=False)
    screen = screened(directory, sweep.screen.keep)
    return _execute(sweep, replace(order, resume=False), console, screen)


def _execute(sweep: Sweep, order: Order, console: Console, screen: Screened | None = None) -> int:
    directory = RunDirectory(order.results / sweep.name)
    with contextlib.nullcontext() if order.dry_run else exclusive(directory.path):
        changed = check_run_directory(directory, sweep, order.resume)
        if order.resume:
            show_what_is_resumed(directory, order.overrides, changed, console)
        with Shown(console) as progress:
            plan = make_plan(
                sweep,
                order.results,
                order.cache,
                order.machines,
                resume=order.resume,
                screen=screen,
                card=order.card,
                progress=progress,
            )
        show_plan(plan, console)
        if order.dry_run:
            return DONE
        check_disk(plan)
        begin_run_directory(plan, typed_command(), order.file, order.overrides)
        try:
            with copied_to_storage(plan.sync):
                return _run_tracked(plan, order, console)
        except StorageError as error:
            print(error, file=sys.stderr)
            return FAILED


def _run_tracked(plan: Plan, order: Order, console: Console) -> int:
    """Run a plan while the trackers that the sweep names follow it."""
    with tracked(plan.sweep.track, plan.directory.path, console) as conclude:
        status = _run_and_rank(plan, order, console)
        if status == DONE:
            conclude()
    return status


def _run_and_rank(plan: Plan, order: Order, console: Console) -> int:
    """Run a plan, show its ranking and write its report."""
    ledger = Ledger(plan.directory, plan.sweep.metric, sync=plan.sync)
    repeats = Ledger(plan.directory, plan.sweep.metric, "repeats", plan.sync)
    try:
        with contextlib.ExitStack() as ray:
            with Shown(console) as progress:
                progress.step("starting Ray")
                mps = plan.sweep.resources.mps
                session = ray.enter_context(cluster(order.address, with_mps=mps))
                show_where_to_look(session, plan.directory, console)
                if plan.sync.storage is not None:
                    progress.step(f"copying data and weights to {plan.sync.storage.address}")
                    plan.share()
                progress.step("asking the nodes")
                check_nodes(plan.sync, plan.data.folder)
                plan = measured(plan, progress)
                progress.step("starting the workers")
            show_slots(plan, console)
            with view_for(plan, (ledger, repeats), console) as view:
                run_plan(plan, ledger, repeats, view, retry_failed=order.retry_failed)
            with Shown(console) as progress:
                progress.step("stopping Ray")
                ray.close()
    except (
        *(RunError, ReplayError, SyncError),
        *(RayNotStartedError, MpsError, NoGpuError),
    ) as error:
        print(error, file=sys.stderr)
        return FAILED
    except HaltedError as error:
        show_how_to_resume(plan, (ledger, repeats), f"stopped: {error}")
        return FAILED
    except OutOfTimeError:
        show_how_to_resume(
            plan, (ledger, repeats), f"budget.hours ({plan.sweep.budget.hours:g}) are over"
        )
        return OUT_OF_TIME
    except RayLostError as error:
        show_how_to_resume(plan, (ledger, repeats), str(error))
        return FAILED
    except KeyboardInterrupt:
        show_how_to_resume(plan, (ledger, repeats), "interrupted")
        heed_interrupts()  # of trackers, which may still send
        return INTERRUPTED
    return _rank_and_report(plan.directory.path, console)


def _rank_and_report(run: Path, console: Console) -> int:
    """Show the ranking of a finished run, and write its report."""
    with Shown(console) as progress:
        progress.step("ranking the arms")
        import analysis  # which imports matplotlib
        from analysis.report import write_report

        loaded = analysis.load(run)
        ranking = analysis.show_ranking(loaded, styled=console.is_terminal)
    print(ranking)
    if loaded.trials["score"].isna().all():
        print("no trial has a score, so that there is no ranking", file=sys.stderr)
        return FAILED
    try:
        with Shown(console) as progress:
            progress.step("writing the report")
            report = from_here(write_report(loaded))
    except KeyboardInterrupt:
        print(
            "interrupted while the report was written; all trials are kept. To write it:\n"
            f"  {module('analysis', 'report', run)}",
            file=sys.stderr,
        )
        return INTERRUPTED
    for line in (
        f"the whole report: {report}",
        f"every trial: {module('analysis', 'rank', run, '--trials')}",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return DONE
