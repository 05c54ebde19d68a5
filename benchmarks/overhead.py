"""The overhead of the sweeper: N identical tiny trials, and the bare training of one.

    .venv/bin/python benchmarks/overhead.py --trials 24
    .venv/bin/python benchmarks/overhead.py --trials 24 --beside

The first prints, from the first trial's start to the last one's end and for the whole run (the
start of Ray and of the workers, and scoring on test included): the share of the slots' time that
is spent inside trials, and what a trial costs beside its bare training, in bare trainings. Targets,
from the first start to the last end: a share of at least 0.93, and a cost of at most 0.5. These are
wall times: nothing else may run on the machine.

The second runs the same trials in turn with the sweeper, as a plain Ray Tune script and with Optuna
alone, twice, and prints the CPU seconds of all processes of each, and the wall seconds. Targets:
at most half of the CPU seconds of plain Ray Tune, and no more than those of Optuna. Linux only.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from rich.console import Console

from datasets import open_split
from models.build import model_for, recipe_of
from models.tasks import TASKS
from models.training import train
from runs.records import TrialRecord
from sweeps.cluster import cluster
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.run import run_until
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import this_machine
from sweeps.space import complete
from sweeps.views import Lines

HERE = Path(__file__).resolve().parent
ROUNDS = 2
SAMPLE_S = 0.2
PR_SET_CHILD_SUBREAPER = 36
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What a command took: CPU seconds of all its processes, and seconds from start to end."""

    cpu: float
    wall: float


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


def run(plan: Plan) -> list[TrialRecord]:
    """Run the sweep; its trials as they are on record."""
    begin_run_directory(plan, "benchmarks/overhead.py")
    trials = Ledger(plan.directory, plan.sweep.metric)
    repeats = Ledger(plan.directory, plan.sweep.metric, "repeats")
    with cluster():
        run_until(None, plan, trials, repeats, Lines(plan, [trials], Console(quiet=True)))
    records = list(trials.records.values())
    assert all(record.status == "done" for record in records), "a trial has failed"
    return records


def bare_seconds(plan: Plan) -> float:
    """The training loop of one trial without the sweeper, while as many run as there are slots."""
    slots = plan.slots.count
    with ProcessPoolExecutor(slots, mp_context=get_context("spawn")) as processes:
        return fmean(processes.map(_bare_seconds, [plan] * slots))


def _bare_seconds(plan: Plan) -> float:
    """The second of three is timed: after the first all is warm, and the others train as well."""
    torch.set_num_threads(plan.slots.cpu)
    device = torch.device("cuda" if plan.slots.gpu else "cpu")
    config = complete(plan.sweep, plan.arms[0])
    splits = open_split(plan.data, "train"), open_split(plan.data, "val")
    ends = [time.perf_counter()]
    for _ in range(3):
        model = model_for(plan.sweep.task, config, plan.data)
        for _epoch in train(model, TASKS[plan.sweep.task], *splits, recipe_of(config), device):
            pass
        ends.append(time.perf_counter())
    return ends[2] - ends[1]


def show_overhead(plan: Plan) -> None:
    start = time.perf_counter()
    records = run(plan)
    whole = time.perf_counter() - start
    bare = bare_seconds(plan)
    first = min(one.epochs[0]["time"] - one.epochs[0]["seconds"] for one in records)
    last = max(one.epochs[-1]["time"] for one in records)
    inside, slots = sum(one.seconds for one in records), plan.slots.count
    print(f"{len(records)} trials of {plan.sweep.budget.epochs} epochs in {slots} slots")
    print(f"{'':38}  inside trials  a trial beside its bare training")
    spans = {"first trial's start to last one's end": last - first, "the whole run": whole}
    for name, seconds in spans.items():
        held = seconds * slots
        print(f"{name:38}{inside / held:15.2f}{held / len(records) / bare - 1:34.2f}")
    longest = max(one.seconds for one in records)
    print(f"the slowest trial, beside its bare training: {longest / bare - 1:.2f}")


def show_beside(plan: Plan, options: argparse.Namespace) -> None:
    settings = {
        "task": plan.sweep.task,
        "metric": plan.sweep.metric,
        "dataset": plan.sweep.dataset.model_dump(mode="json"),
        "config": complete(plan.sweep, plan.arms[0]),
        "cache": str(plan.cache.resolve()),
        "trials": options.trials,
        "slots": plan.slots.count,
        "cpu": plan.slots.cpu,
        "gpu": plan.slots.gpu,
    }
    file = plan.cache / "settings.json"
    file.write_text(json.dumps(settings))
    own = [f"--{name}={getattr(options, name)}" for name in ("trials", "epochs", "gpu")]
    commands: dict[str, list[str | Path]] = {
        "plain Ray Tune": [HERE / "plain_ray.py", file],
        "Optuna alone": [HERE / "plain_optuna.py", file],
        "the sweeper": [HERE / "overhead.py", *own, "--only-run", plan.cache],
    }
    costs: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, command in commands.items():
            costs[name].append(cost_of([sys.executable, *(str(part) for part in command)]))
    plain = Cost(*map(fmean, zip(*costs["plain Ray Tune"], strict=True)))
    print(f"{options.trials} trials of {options.epochs} epochs in {plan.slots.count} slots")
    print(f"{'':16}{'CPU s of each round':>22}{'wall s of each':>22}   ÷ plain Ray: CPU   wall")
    for name, rounds in costs.items():
        cpu, wall = (
            "  ".join(f"{seconds:.1f}" for seconds in of) for of in zip(*rounds, strict=True)
        )
        mean = Cost(*map(fmean, zip(*rounds, strict=True)))
        ratios = f"{mean.cpu / plain.cpu:19.2f}{mean.wall / plain.wall:7.2f}"
        print(f"{name:16}{cpu:>22}{wall:>22}{ratios}")


def cost_of(command: list[str]) -> Cost:
    """Run a command to the end of its last process, daemons included.

    Children that were killed, or that nobody waits for, are missing in `getrusage`. Here every
    orphan becomes our child, so that all processes are our descendants, and are sampled.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    seen: dict[tuple[int, int], float] = {}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        seen |= cpu_of_descendants()
        if process.poll() is not None:
            break
        time.sleep(SAMPLE_S)
    wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with status {process.returncode}")
    while _has_children():
        seen |= cpu_of_descendants()
        time.sleep(SAMPLE_S)
    return Cost(sum(seen.values()), wall)


def cpu_of_descendants() -> dict[tuple[int, int], float]:
    """CPU seconds of each process under this one by (id, start), zombies included."""
    parents, spent = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()  # from `state` on: man 5 proc
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since the folder was listed
        pid = int(file.parent.name)
        parents[pid] = int(fields[1])
        spent[pid, int(fields[19])] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    under = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in under} - under:
        under |= more
    return {who: cpu for who, cpu in spent.items() if who[0] in under - {os.getpid()}}


def _has_children() -> bool:
    """Whether an orphan is left, after those that have ended were waited for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--gpu", type=float, default=0.0, help="share of a GPU for each trial")
    parser.add_argument("--beside", action="store_true", help="compare with Ray Tune and Optuna")
    parser.add_argument(
        "--only-run", type=Path, metavar="CACHE", help="measure nothing: --beside calls this"
    )
    options = parser.parse_args()
    sweep = identical_trials(options.trials, options.epochs, options.gpu)
    with tempfile.TemporaryDirectory() as folder:
        cache = options.only_run or Path(folder) / "cache"
        plan = make_plan(sweep, Path(folder), cache, [this_machine()])
        if options.only_run:
            run(plan)
        elif options.beside:
            show_beside(plan, options)
        else:
            show_overhead(plan)


if __name__ == "__main__":
    main()
