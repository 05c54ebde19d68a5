"""The driver alone: a sweep whose jobs take no time.

    .venv/bin/python benchmarks/driver.py --trials 100 1000

The product's own search, agenda and dispatcher, Optuna's random sampler and Ray Tune's loop run as
ever, but a worker trains nothing: it reports made-up scores. Prints the CPU seconds of the driver's
process for a trial, from the first report of a rung to the end of the run, for each number of
trials, and the ratio of the last number to the first. Target: at most 1.2.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console

from runs.records import TrialRecord
from sweeps.cluster import cluster
from sweeps.jobs import Job, Train
from sweeps.ledger import Ledger
from sweeps.plan import make_plan
from sweeps.reports import Report
from sweeps.run import run_until
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import this_machine
from sweeps.views import Lines
from sweeps.worker import Worker


class Prompt(Worker):
    """A worker that has its reports ready."""

    def _begin(self, job: Job) -> None:
        self.reports = reports_of(job)


def reports_of(job: Job) -> Generator[Report]:
    """Of a training: all get better with each epoch, from where their number puts them."""
    if not isinstance(job, Train):
        yield Report({}, last=True)
        return
    training = job.training
    start = training.number * 0.618 % 1 / 2
    for epoch in range(training.recorded + 1, training.until + 1):
        metrics = {"AP50": start + epoch / 100, "loss": 1.0, "seconds": 1e-3, "time": time.time()}
        yield Report(
            {
                "epoch": epoch,
                "diverged": False,
                "metrics": metrics,
                "device": "cpu",
                "architecture": "none",
                "parameters": 1,
            },
            last=epoch == training.until,
        )


class Stopwatch(Lines):
    """Notes the driver's CPU seconds at the end of the first stretch of a training."""

    begin: float | None = None

    def trial_paused(self, record: TrialRecord) -> None:
        if self.begin is None:
            self.begin = time.process_time()
        super().trial_paused(record)


def sweep_of(trials: int) -> Sweep:
    settings: dict[str, Any] = {
        "name": f"driver-{trials}",
        "task": "detection",
        "metric": "AP50",
        "dataset": {"name": "landslide4sense", "image_size": 32, "min_area": 2},
        "compare": {"backbone": ["test_vit", "test_resnet"], "pretraining": ["scratch"]},
        "tune": {"lr": {"log_uniform": [1e-4, 1e-2]}},
        "budget": {"trials": trials, "epochs": 9},
        "sampler": {"name": "random"},
    }
    return Sweep.model_validate(settings)


def seconds_a_trial(trials: int, folder: Path) -> float:
    plan = make_plan(sweep_of(trials), folder, folder / "cache", [this_machine()])
    begin_run_directory(plan, "benchmarks/driver.py")
    ledger = Ledger(plan.directory, plan.sweep.metric)
    repeats = Ledger(plan.directory, plan.sweep.metric, "repeats")
    stopwatch = Stopwatch(plan, [ledger], Console(quiet=True))
    with patch("sweeps.run.Worker", Prompt):
        run_until(None, plan, ledger, repeats, stopwatch)
    end = time.process_time()
    assert len(ledger.records) == trials
    assert not any(record.status == "failed" for record in ledger.records.values())
    assert stopwatch.begin is not None, "no trial has paused"
    return (end - stopwatch.begin) / trials


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, cluster():
        costs = {trials: seconds_a_trial(trials, Path(folder)) for trials in options.trials}
    for trials, seconds in costs.items():
        print(f"{trials:6} trials: {1000 * seconds:.1f} ms of the driver's CPU for each")
    print(f"last ÷ first: {costs[options.trials[-1]] / costs[options.trials[0]]:.2f}")


if __name__ == "__main__":
    main()
