"""Run a sweep: read the file, plan, train, rank.

Examples:
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --dry-run
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --dry-run --for h100
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml dataset.root=/data/landslide4sense
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --resume
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --resume budget.trials=96
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --resume --retry-failed
    .venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --stop arm=resnet18-mae

Exit status: 0 a ranking was made; 1 the run failed; 2 the sweep cannot run as it is written;
3 budget.hours are over; 130 interrupted, by Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 or SIGUSR2 (after 3
and 130, continue with --resume).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.signals import ignore_interrupts, interrupt_on_signals

if TYPE_CHECKING:
    from runs.progress import Progress

FAILED, NOT_RUN, INTERRUPTED = 1, 2, 130
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
        "--for",
        dest="card",
        metavar="CARD",
        help="with --dry-run: plan for a machine with this GPU: does every arm fit? (h100, t4, …)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted run with its overrides"
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="with --resume: also train again what has failed, after all others",
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
    options = parser.parse_intermixed_args()
    if options.retry_failed and not options.resume:
        parser.error("--retry-failed needs --resume")
    if options.card is not None and not options.dry_run:
        parser.error("--for needs --dry-run")
    return options


def main() -> int:
    """Run the sweep that the command line names; returns the exit status."""
    options = arguments()
    # Imports are late: --help and faults in a file do not wait seconds for Ray, torch and timm.
    try:
        from runs.errors import EosweepError, told

        return plan_and_run(options) if options.stop is None else stop_by_hand(options)
    except KeyboardInterrupt:
        print("interrupted before the run was started", file=sys.stderr)
        return INTERRUPTED
    except EosweepError as error:
        print(error, file=sys.stderr)
        return NOT_RUN
    except OSError as error:
        print(told(error), file=sys.stderr)
        return FAILED


def plan_and_run(options: argparse.Namespace) -> int:
    """Read the sweep and find its machines, then plan, run, rank."""
    from rich.console import Console

    from runs.shown import Shown

    console = Console()
    with Shown(console) as progress:
        progress.step(f"reading {options.sweep}")
        from sweeps.cards import card_named, this_card
        from sweeps.nodes import cluster_address, cluster_nodes, present_token
        from sweeps.read import read_sweep

        named = None if options.card is None else card_named(options.card)
        overrides = overrides_of(options, progress)
        sweep = read_sweep(options.sweep, overrides, progress)
        address = cluster_address(sweep.cluster)
        if address is not None:
            present_token()
        nodes = None if address is None else cluster_nodes(address, progress)
        from sweeps.execution import Order, execute
        from sweeps.slots import this_machine

        machines = [this_machine()] if nodes is None else nodes
        if named is not None:
            machines = [replace(one, gpus=max(1, one.gpus)) for one in machines]
        own = this_card() if nodes is None and sweep.resources.gpu != 0 else None

    order = Order(
        file=options.sweep,
        overrides=overrides,
        results=options.results,
        cache=options.cache,
        address=address,
        machines=machines,
        dry_run=options.dry_run,
        resume=options.resume,
        retry_failed=options.retry_failed,
        card=named or own,
    )
    return execute(sweep, order, console)


def overrides_of(options: argparse.Namespace, progress: "Progress") -> list[str]:
    """Those of the command line; where a run is resumed, over those that it was started with."""
    typed: list[str] = options.overrides
    if not options.resume:
        return typed
    from sweeps.begun import all_overrides, fetch_lost_run, run_to_resume

    fetch_lost_run(options.results, options.sweep, typed, progress)
    return all_overrides(run_to_resume(options.results, options.sweep, typed), typed)


def stop_by_hand(options: argparse.Namespace) -> int:
    """Ask the sweep that is running to stop an arm or a trial."""
    from sweeps.begun import run_to_resume
    from sweeps.requests import request_stop

    run = run_to_resume(options.results, options.sweep, options.overrides)
    stopped = request_stop(run, options.stop)
    print(f"{stopped}: stopped; what is being trained of it ends after its epoch")
    return 0


if __name__ == "__main__":
    interrupt_on_signals()
    status = main()
    ignore_interrupts()
    sys.exit(status)
