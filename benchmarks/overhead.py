"""The overhead of the sweeper: N identical tiny trials, and the bare training of one.

    .venv/bin/python benchmarks/overhead.py --trials 24

Prints ratios of one run on this machine: seconds inside trials ÷ (wall seconds × slots), and the
time of a trial beyond its bare training loop, in units of that loop.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from rich.console import Console

from datasets import open_split
from models.build import model_for, recipe_of
from models.tasks import TASKS
from models.training import train
from sweeps.cluster import cluster
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.run import run_trials
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import this_machine
from sweeps.views import Lines


def identical_trials(trials: int, epochs: int, gpu: float) -> Sweep:
    """A sweep of one arm with nothing to tune."""
    return Sweep.model_validate(
        {
            "name": "overhead",
            "task": "detection",
            "metric": "AP50",
            "dataset": {"name": "landslide4sense", "image_size": 64, "min_area": 8},
            "compare": {"backbone": ["test_vit"], "pretraining": ["scratch"]},
            "fixed": {"lr": 1e-3},
            "budget": {"trials": trials, "epochs": epochs},
            "scheduler": {"name": "none"},
            "resources": {"gpu": gpu, "cpu": 1},
        }
    )


def bare_seconds(plan: Plan, ledger: Ledger) -> float:
    """The training loop of one trial without the sweeper; the second of two is timed."""
    torch.set_num_threads(plan.slots.cpu)
    device = torch.device("cuda" if plan.slots.gpu else "cpu")
    config = ledger.records[0].config
    splits = open_split(plan.data, "train"), open_split(plan.data, "val")
    for _ in range(2):
        start = time.perf_counter()
        model = model_for(plan.sweep.task, config, plan.data)
        for _epoch in train(model, TASKS["detection"], *splits, recipe_of(config), device):
            pass
        seconds = time.perf_counter() - start
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--gpu", type=float, default=0.0, help="share of a GPU for each trial")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sweep = identical_trials(options.trials, options.epochs, options.gpu)
        plan = make_plan(sweep, Path(folder), Path(folder) / "cache", [this_machine()])
        begin_run_directory(plan, "benchmarks/overhead.py")
        ledger = Ledger(plan.directory, sweep.metric)
        with cluster():
            start = time.perf_counter()
            run_trials(plan, ledger, Lines(plan, [ledger], Console(quiet=True)))
            wall = time.perf_counter() - start
        bare = bare_seconds(plan, ledger)
    seconds = [record.seconds for record in ledger.records.values()]
    slots = plan.slots.count
    warm = sorted(seconds)[: len(seconds) - slots]
    each = wall * slots / len(seconds)
    print(f"{options.trials} trials of {options.epochs} epochs in {slots} slots. Each trial")
    print(f"  keeps its slot busy for {sum(seconds) / (wall * slots):.2f} of the time it has it;")
    print("  costs, beside its bare training, in bare trainings:")
    print(f"    {each / bare - 1:.2f} with everything, the start of the workers included")
    print(f"    {sum(warm) / (len(warm) * bare) - 1:.2f} inside a trial on a warm worker")
    print(f"    {max(seconds) / bare - 1:.2f} inside the first trial of a cold one")


if __name__ == "__main__":
    main()
