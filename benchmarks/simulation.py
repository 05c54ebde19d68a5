"""What the driver of a sweep does on a cluster that is larger than this machine.

    .venv/bin/python benchmarks/simulation.py --slots 1000 --trials 10000

The product's own agenda, search, sampler, ledger and view decide and record; slots, trainings and
time are simulated. A node of `--node` slots is lost every minute: its jobs are tried again from
their checkpoints on another one. An event is an epoch's report, a lost job, or a score on test.

It prints, part by part, what an event took: milliseconds of the driver, operations of the product's
own code (with `--operations`, which takes several times as long), and the memory of the process.
"""

import argparse
import heapq
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from types import FrameType
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from rich.console import Console

from datasets import Prepared
from runs.directory import RunDirectory
from runs.factory import latency_of
from sweeps.agenda import Agenda
from sweeps.commands import ROOT
from sweeps.failures import lost_worker
from sweeps.jobs import Job, Time, Train
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.reports import Report
from sweeps.schema import Sweep
from sweeps.slots import Slots
from sweeps.space import arms_of
from sweeps.sync import NO_SYNC
from sweeps.views.lines import Lines

ARMS, EPOCHS = 8, 27
MINUTE = 60.0

TraceFunction = Callable[[FrameType, str, Any], Any]


def sweep_of(trials: int, slots: int, sampler: str) -> Sweep:
    """A sweep of eight arms that tunes two settings."""
    names = [f"arm{index}" for index in range(ARMS)]
    return Sweep.model_validate(
        {
            "name": "simulated",
            "task": "detection",
            "metric": "AP50",
            "dataset": {"name": "landslide4sense"},
            "compare": {"arm": names},
            "variants": {"arm": {name: {"weight_decay": 1e-4} for name in names}},
            "fixed": {"backbone": "test_vit", "pretraining": "scratch"},
            "tune": {
                "lr": {"log_uniform": [1e-5, 1e-1]},
                "loss_weights.roi_box": {"uniform": [0.5, 4.0]},
            },
            "budget": {"trials": trials, "epochs": EPOCHS},
            "scheduler": {"name": "asha", "grace_epochs": 1, "factor": 3},
            "sampler": {"name": sampler},
            "search": {"parallel": slots},
        }
    )


def plan_of(sweep: Sweep, run: Path, slots: int) -> Plan:
    """What of a plan the engine needs while trainings are simulated."""
    arms = arms_of(sweep)
    return Plan(
        sweep=sweep,
        directory=RunDirectory(run),
        cache=run / "cache",
        data=cast(Prepared, None),
        slots=Slots(count=slots, cpu=1, gpu=0.0, per_machine=8),
        arms=arms,
        skipped=[],
        starts=dict.fromkeys(arms),
        stages=[],
        probes=(),
        seen={},
        costs={arm: 10 + 7 * index for index, arm in enumerate(arms)},
        weights=dict.fromkeys(arms, 0),
        warnings=[],
        sync=NO_SYNC,
        machines=(),
    )


@dataclass
class Cluster:
    """Simulated slots, which do an agenda's jobs.

    Attributes:
        node: slots of a node.
        lost: jobs that were lost with their nodes.
    """

    agenda: Agenda
    slots: int
    node: int
    lost: int = 0
    now: float = 0.0
    _jobs: dict[int, tuple[Job, int]] = field(default_factory=dict)
    _ends: list[tuple[float, int, int]] = field(default_factory=list)
    _begun: Iterator[int] = field(default_factory=count)

    def events(self) -> Iterator[None]:
        """Run until the agenda is over; yields after each event."""
        random, next_loss = np.random.default_rng(0), MINUTE
        free = list(range(self.slots))
        while True:
            self.agenda.heed()
            while free and (job := self.agenda.next()) is not None:
                self._begin(free.pop(), job)
            if not self._ends:
                return
            if self._ends[0][0] > next_loss:
                first = int(random.integers(max(1, self.slots // self.node))) * self.node
                next_loss += MINUTE
                for slot in range(first, min(first + self.node, self.slots)):
                    if slot in self._jobs:
                        self._lose(slot)
                        free.append(slot)
                        yield
                continue
            self.now, begun, slot = heapq.heappop(self._ends)
            if slot not in self._jobs or self._jobs[slot][1] != begun:
                continue  # it was lost meanwhile
            if not self._report(slot):
                free.append(slot)
            yield

    def _begin(self, slot: int, job: Job) -> None:
        self.agenda.started(job)
        self._work(slot, job)

    def _work(self, slot: int, job: Job) -> None:
        begun = next(self._begun)
        self._jobs[slot] = job, begun
        heapq.heappush(self._ends, (self.now + MINUTE * (0.5 + slot % 7 / 7), begun, slot))

    def _lose(self, slot: int) -> None:
        job, _ = self._jobs.pop(slot)
        self.lost += 1
        self.agenda.fail(job, lost_worker("The node has died"))

    def _report(self, slot: int) -> bool:
        """A slot's job has come to a report; whether it continues."""
        job, _ = self._jobs.pop(slot)
        if self.agenda.report(job, self._result(job)):
            self._work(slot, job)
            return True
        return False

    def _result(self, job: Job) -> Report:
        if isinstance(job, Time):
            return Report({"latency": latency_of(1.0)}, last=True)
        if not isinstance(job, Train):
            return Report({"AP50": 0.5}, last=True)
        training = job.training
        epoch = self.agenda.trials.records[training.number].trained + 1
        numbers = {"AP50": score(training.config, epoch), "loss": 1.0 / epoch, "seconds": MINUTE}
        return Report(
            {
                "epoch": epoch,
                "diverged": False,
                "metrics": numbers,
                "device": "simulated",
                "architecture": "0",
                "parameters": 1,
            },
            last=epoch == training.until,
        )


def score(config: dict[str, Any], epoch: int) -> float:
    """A curve: arms differ, one learning rate is best, and all get better."""
    arm = 0.04 * int(config["arm"].removeprefix("arm"))
    return float(0.5 + arm - 0.05 * abs(np.log10(config["lr"]) + 3) - 0.2 / (1 + epoch))


class Operations:
    """Counts the instructions of the product's own code that Python carries out.

    Attributes:
        count: so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._folders = tuple(f"{ROOT / name}{os.sep}" for name in ("sweeps", "runs"))

    def of_call(self, frame: FrameType, _event: str, _argument: Any) -> TraceFunction | None:
        """As `sys.settrace` wants it."""
        if not frame.f_code.co_filename.startswith(self._folders):
            return None
        frame.f_trace_opcodes = True
        return self._of_step

    def _of_step(self, _frame: FrameType, event: str, _argument: Any) -> TraceFunction:
        self.count += event == "opcode"
        return self._of_step


@dataclass(frozen=True)
class Part:
    """What an event took, up to some event."""

    events: int
    milliseconds: float
    operations: float
    megabytes: float


def simulate(
    trials: int, slots: int, node: int, sampler: str, run: Path, *, count_operations: bool
) -> tuple[Cluster, list[Part]]:
    """Run a sweep whose records lie in `run`, to its end."""
    plan = plan_of(sweep_of(trials, slots, sampler), run, slots)
    run.mkdir(parents=True, exist_ok=True)
    ledger, repeats = Ledger(plan.directory, "AP50"), Ledger(plan.directory, "AP50", "repeats")
    with Path("/dev/null").open("w") as nowhere:
        view = Lines(plan, (ledger, repeats), Console(file=nowhere))
        cluster = Cluster(Agenda(plan, ledger, repeats, view, None), slots, node)
        counter = Operations()
        marks = [(0, time.process_time(), 0, _megabytes())]
        step = max(1, trials // 4)
        if count_operations:
            sys.settrace(counter.of_call)
        events = 0
        for events, _ in enumerate(cluster.events(), start=1):
            if events % step == 0:
                marks.append((events, time.process_time(), counter.count, _megabytes()))
        sys.settrace(None)
        marks.append((events, time.process_time(), counter.count, _megabytes()))
    assert cluster.agenda.complete, cluster.agenda.failures
    failed = [record.name for record in ledger.records.values() if record.status == "failed"]
    assert not failed, f"lost jobs have become failed trials: {failed}"
    return cluster, list(_parts(marks))


def _parts(marks: list[tuple[int, float, int, float]]) -> Iterator[Part]:
    for (before, began, called, _), (events, ended, total, memory) in pairwise(marks):
        if events > before:
            each = events - before
            yield Part(events, 1000 * (ended - began) / each, (total - called) / each, memory)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=10000)
    parser.add_argument("--node", type=int, default=8, help="slots of a node")
    parser.add_argument("--sampler", choices=["tpe", "random"], default="tpe")
    parser.add_argument("--operations", action="store_true", help="count operations")
    parser.add_argument("--scratch", type=Path, help="folder for the records, best in memory")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        cluster, parts = simulate(
            *(options.trials, options.slots, options.node, options.sampler, Path(folder) / "run"),
            count_operations=options.operations,
        )
    print(f"{parts[-1].events} events, {cluster.lost} lost jobs, {cluster.now / 3600:.1f} hours")
    print("events     ms operations     MB")
    for part in parts:
        took = f"{part.milliseconds:6.2f} {part.operations:10.0f}"
        print(f"{part.events:6d} {took} {part.megabytes:6.0f}")


if __name__ == "__main__":
    main()
