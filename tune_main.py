"""Run a sweep: read the file, plan, train, rank.

Examples:
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --dry-run
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml dataset.root=/data/landslide4sense
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --resume
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --resume budget.trials=96
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --stop arm=resnet18-mae

Exit status: 0 a ranking was made; 1 the run failed; 2 the sweep cannot run as it is written;
3 budget.hours are over; 130 interrupted (after 3 and 130, continue with --resume).
"""

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from sweeps.plan import Plan

FAILED, NOT_RUN, OUT_OF_TIME, INTERRUPTED = 1, 2, 3, 130
ROOT = Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tune_main.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweep", type=Path, help="the sweep file, see sweeps/*.yaml")
    parser.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="key=value",
        help="replaces a value of the file: budget.trials=6 dataset.root=/data/l4s",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted run with its overrides"
    )
    parser.add_argument(
        "--stop",
        metavar="arm=NAME|trial=NUMBER",
        help="in the sweep that is running, stop an arm or a trial",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / "results",
        metavar="DIR",
        help="where run directories go (default: results/ beside this file)",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "cache",
        metavar="DIR",
        help="where decoded data and initial weights are kept for every sweep (default: cache/)",
    )
    return parser.parse_intermixed_args()


def main() -> int:
    """Run the sweep that the command line names; returns the exit status."""
    options = arguments()
    # Imports are late: --help and faults in a file do not wait seconds for Ray, torch and timm.
    from runs.errors import EosweepError

    try:
        return plan_and_run(options) if options.stop is None else stop_by_hand(options)
    except EosweepError as error:
        print(error, file=sys.stderr)
        return NOT_RUN
    except OSError as error:
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted before the run was started", file=sys.stderr)
        return INTERRUPTED


def plan_and_run(options: argparse.Namespace) -> int:
    """Read, plan, run, rank."""
    from rich.console import Console

    from runs.shown import Shown

    console = Console()
    with Shown(console) as progress:
        progress.step(f"reading {options.sweep}")
        from sweeps.nodes import cluster_nodes
        from sweeps.read import read_sweep

        nodes = cluster_nodes(progress)
        overrides = overrides_of(options)
        sweep = read_sweep(options.sweep, overrides, progress)
        from runs.directory import RunDirectory
        from sweeps.commands import typed_command
        from sweeps.hints import show_what_is_resumed
        from sweeps.lock import exclusive
        from sweeps.plan import make_plan
        from sweeps.run_directory import begin_run_directory, check_run_directory
        from sweeps.show import show_plan
        from sweeps.slots import this_machine

        machines = [this_machine()] if nodes is None else nodes
    directory = RunDirectory(options.results / sweep.name)
    with contextlib.nullcontext() if options.dry_run else exclusive(directory.path):
        changed = check_run_directory(directory, sweep, options.resume)
        if options.resume:
            show_what_is_resumed(directory, overrides, changed, console)
        with Shown(console) as progress:
            plan = make_plan(
                sweep,
                options.results,
                options.cache,
                machines,
                resume=options.resume,
                progress=progress,
            )
        show_plan(plan, console)
        if options.dry_run:
            return 0
        begin_run_directory(plan, typed_command(), options.sweep, overrides)
        return run_tracked(plan, console)


def overrides_of(options: argparse.Namespace) -> list[str]:
    """Those of the command line; where a run is resumed, over those that it was started with."""
    typed: list[str] = options.overrides
    if not options.resume:
        return typed
    from sweeps.begun import all_overrides, run_to_resume

    return all_overrides(run_to_resume(options.results, options.sweep, typed), typed)


def stop_by_hand(options: argparse.Namespace) -> int:
    """Ask the sweep that is running to stop an arm or a trial."""
    from sweeps.begun import run_to_resume
    from sweeps.requests import request_stop

    run = run_to_resume(options.results, options.sweep, options.overrides)
    stopped = request_stop(run, options.stop)
    print(f"{stopped}: stopped; what is being trained of it ends after its epoch")
    return 0


def run_tracked(plan: "Plan", console: "Console") -> int:
    """Run a plan while the trackers that the sweep names follow it."""
    from sweeps.tracking.driver import tracked

    with tracked(plan.sweep.track, plan.directory.path, console) as conclude:
        status = run_and_rank(plan, console)
        if status == 0:
            conclude()
    return status


def run_and_rank(plan: "Plan", console: "Console") -> int:
    """Run a plan, show its ranking and write its report."""
    from runs.shown import Shown
    from sweeps.cluster import cluster
    from sweeps.hints import show_how_to_resume, show_where_to_look
    from sweeps.ledger import Ledger
    from sweeps.run import OutOfTimeError, RunError, run_plan
    from sweeps.search import ReplayError
    from sweeps.views import view_for

    ledger = Ledger(plan.directory, plan.sweep.metric)
    repeats = Ledger(plan.directory, plan.sweep.metric, "repeats")
    try:
        with contextlib.ExitStack() as ray:
            with Shown(console) as progress:
                progress.step("starting Ray")
                dashboard = ray.enter_context(cluster())
                show_where_to_look(dashboard, plan.directory, console)
                progress.step("starting the workers")
            with view_for(plan, (ledger, repeats), console) as view:
                run_plan(plan, ledger, repeats, view)
            with Shown(console) as progress:
                progress.step("stopping Ray")
                ray.close()
    except (RunError, ReplayError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except OutOfTimeError:
        show_how_to_resume(
            plan, (ledger, repeats), f"budget.hours ({plan.sweep.budget.hours:g}) are over"
        )
        return OUT_OF_TIME
    except KeyboardInterrupt:
        show_how_to_resume(plan, (ledger, repeats), "interrupted")
        return INTERRUPTED
    return rank_and_report(plan.directory.path, console)


def rank_and_report(run: Path, console: "Console") -> int:
    """Show the ranking of a finished run, and write its report."""
    from runs.shown import Shown
    from sweeps.commands import from_here, module

    with Shown(console) as progress:
        progress.step("ranking the arms")
        import analysis
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
    return 0


if __name__ == "__main__":
    # Until Ray has started, which brings a handler of its own, SIGTERM is Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(main())
