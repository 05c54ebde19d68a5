"""Run a sweep: read the file, plan, train, rank.

Examples:
    python tune_main.py sweeps/landslide_backbones.yaml
    python tune_main.py sweeps/landslide_backbones.yaml --dry-run
    python tune_main.py sweeps/landslide_backbones.yaml dataset.root=/data/landslide4sense
    python tune_main.py sweeps/landslide_backbones.yaml budget.trials=96 --resume

Exit status: 0 a ranking was made; 1 the run failed; 2 the sweep cannot run as it is written;
3 budget.hours are over, 130 cut short (go on with --resume after either).
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from sweeps.ledger import Ledger
    from sweeps.plan import Plan

FAILED, NOT_RUN, OUT_OF_TIME, CUT_SHORT = 1, 2, 3, 130
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
        metavar="key=value",
        help="replaces a value of the file: budget.trials=6 dataset.root=/data/l4s",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was cut short")
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
    """Run the sweep that the command line names; gives the exit status."""
    options = arguments()
    # Ray, torch and timm take seconds to import: --help and mistyped files do without them.
    from analysis import AnalysisError
    from datasets import DataError
    from sweeps.faults import SweepError

    try:
        return plan_and_run(options)
    except (SweepError, DataError, AnalysisError) as error:
        print(error, file=sys.stderr)
        return NOT_RUN
    except OSError as error:
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("cut short before anything was begun", file=sys.stderr)
        return CUT_SHORT


def plan_and_run(options: argparse.Namespace) -> int:
    """Read, plan, run, rank."""
    from rich.console import Console

    from sweeps.read import read_sweep

    console = Console()
    sweep = read_sweep(options.sweep, options.overrides)
    from sweeps.cluster import machines
    from sweeps.plan import make_plan
    from sweeps.run_directory import check_run_directory, exclusive
    from sweeps.show import show_plan

    run = options.results / sweep.name
    if options.dry_run:
        show_plan(make_plan(sweep, options.results, options.cache, machines()), console)
        return 0
    with exclusive(run):
        check_run_directory(run, sweep, options.resume)
        plan = make_plan(sweep, options.results, options.cache, machines(), resume=options.resume)
        show_plan(plan, console)
        return run_and_rank(plan, console)


def run_and_rank(plan: "Plan", console: "Console") -> int:
    """Run a plan, show its ranking and write its report."""
    from sweeps.cluster import cluster
    from sweeps.ledger import Ledger
    from sweeps.run import OutOfTimeError, RunError, run_plan
    from sweeps.run_directory import begin_run_directory, command_line
    from sweeps.search import ReplayError
    from sweeps.views import view_for

    ledger = Ledger(plan.run, plan.sweep.metric)
    repeats = Ledger(plan.run, plan.sweep.metric, "repeats")
    begin_run_directory(plan, command_line())
    try:
        with cluster() as dashboard, view_for(plan, (ledger, repeats), console) as view:
            show_where_to_look(dashboard, plan.run, console)
            run_plan(plan, ledger, repeats, view)
    except (RunError, ReplayError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except OutOfTimeError:
        say_how_to_go_on(
            plan, (ledger, repeats), f"budget.hours ({plan.sweep.budget.hours:g}) are over"
        )
        return OUT_OF_TIME
    except KeyboardInterrupt:
        say_how_to_go_on(plan, (ledger, repeats), "cut short")
        return CUT_SHORT
    return rank_and_report(plan.run, console)


def rank_and_report(run: Path, console: "Console") -> int:
    """Show the ranking of a run that is done, and write its report."""
    import analysis
    from analysis.report import write_report
    from sweeps.show import from_here

    loaded = analysis.load(run)
    print(analysis.show_ranking(loaded, styled=console.is_terminal))
    if loaded.trials["score"].isna().all():
        print("no trial has a score: nothing could be ranked", file=sys.stderr)
        return FAILED
    where = from_here(run)
    try:
        report = from_here(write_report(loaded))
    except KeyboardInterrupt:
        print(
            "cut short while the report was written; all trials are kept, and it is written by\n"
            f"  python -m analysis report {where}",
            file=sys.stderr,
        )
        return CUT_SHORT
    for line in (
        f"the whole report: {report}",
        f"every trial: python -m analysis rank {where} --trials",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def say_how_to_go_on(plan: "Plan", ledgers: Iterable["Ledger"], why: str) -> None:
    """What is kept of a run that is not done, and the command that goes on with it."""
    from sweeps.run_directory import command_line

    ended = sum(ledger.ended for ledger in ledgers)
    print(
        f"{why}: {ended} of {plan.trainings} trials have ended and are kept; go on with\n"
        f"  {command_line().removesuffix(' --resume')} --resume",
        file=sys.stderr,
    )


def show_where_to_look(dashboard: str, run_directory: Path, console: "Console") -> None:
    """Where a run can be watched."""
    from sweeps.show import from_here

    lines = [
        f"TensorBoard    tensorboard --logdir {from_here(run_directory / 'trials')}",
        f"Optuna         optuna-dashboard {from_here(run_directory / 'study.journal')}",
    ]
    if dashboard:
        token = "it asks for the token that `ray get-auth-token` prints"
        lines.insert(0, f"Ray dashboard  http://{dashboard}  ({token})")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
