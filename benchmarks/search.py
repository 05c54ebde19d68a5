"""What the search costs, on recorded learning curves instead of trainings.

    .venv/bin/python benchmarks/search.py CURVES.npz --slots 4 --trials 48 --spread 10 --orders 20

The product's own search, halving and clock decide; the trainings and the slots are simulated.
CURVES.npz holds `loss` [tasks, configurations, epochs], the validation loss of each epoch, not
finite after a training diverged. An order is a draw of `trials` configurations, which are dealt to
8 arms; from the fastest arm to the slowest, an epoch takes 1 … `spread` times as long.

The last line: how many times cheaper and sooner than training all of them to their end on as many
slots (over all tasks and orders), the share of the time that slots are busy, and the shares of the
orders in which the winner was the true best one, or among the best three.

`--rule` puts another rule in the place of ours: Ray's own ASHA, or Optuna's Hyperband. Both stop a
trial for good, and decide as results come in, so that they depend on the slots.
"""

import argparse
import heapq
import logging
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import optuna
from numpy.typing import NDArray
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from runs.directory import RunDirectory
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.schema import Sweep
from sweeps.search import Search
from sweeps.space import arms_of, complete

ARMS = 8
GRACE, FACTOR = 3, 3
WORST = -1e9

Scores = NDArray[np.float64]
"""float64 [trials, epochs], higher is better."""


class Draw(NamedTuple):
    """Configurations in the order of their proposal; `cost` is that of an epoch of each."""

    scores: Scores
    arms: NDArray[np.int64]
    cost: NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What a rule made of a draw: all epochs' costs, the time it took, and the winner."""

    cost: float
    wall: float
    winner: int


Rule = Callable[[Draw, int], Outcome]


def draw(loss: NDArray[np.float32], trials: int, spread: float, seed: Sequence[int]) -> Draw:
    rng = np.random.default_rng(seed)
    chosen = loss[rng.choice(len(loss), trials, replace=False)].astype(float)
    scores = -np.nan_to_num(chosen, nan=-WORST, posinf=-WORST, neginf=-WORST)
    paces = np.round(1000 * spread ** (np.arange(ARMS) / (ARMS - 1))).astype(int)
    arms = np.arange(trials) % ARMS
    return Draw(scores, arms, rng.permutation(paces)[arms])


def sweep_of(options: argparse.Namespace, epochs: int) -> Sweep:
    """A sweep of as many arms, whose settings do not matter."""
    names = [f"arm{index}" for index in range(ARMS)]
    return Sweep.model_validate(
        {
            "name": "recorded",
            "task": "detection",
            "metric": "AP50",
            "dataset": {"name": "landslide4sense"},
            "compare": {"arm": names},
            "variants": {"arm": {name: {"lr": 1e-3} for name in names}},
            "fixed": {"backbone": "test_vit", "pretraining": "scratch"},
            "budget": {"trials": options.trials, "epochs": epochs},
            "scheduler": {
                "grace_epochs": GRACE,
                "factor": FACTOR,
                "finish": options.finish,
            },
            "search": {"parallel": options.parallel},
        }
    )


class Recorded:
    """Proposes the configurations of a draw in their order."""

    def __init__(self, sweep: Sweep, drawn: Draw) -> None:
        self.sweep, self.arms, self.drawn = sweep, arms_of(sweep), drawn
        self.planned = len(drawn.scores)

    def propose(self, number: int) -> TrialRecord:
        arm = self.arms[self.drawn.arms[number]]
        config = {"number": number, **complete(self.sweep, arm)}
        return TrialRecord(number=number, name=f"{number:03d}", arm=arm, config=config, tuned=())

    def learn(self, number: int, scores: Sequence[tuple[int, float]]) -> None:
        """Nothing is learnt."""

    def end(self, number: int, score: float | None, *, failed: bool = False) -> None:
        """Nothing is learnt."""


def ours(options: argparse.Namespace, drawn: Draw, slots: int) -> Outcome:
    """The product's search on simulated slots, which take what it begins in that order."""
    epochs = drawn.scores.shape[1]
    sweep = sweep_of(options, epochs)
    best = np.maximum.accumulate(drawn.scores, axis=1)
    arms = arms_of(sweep)
    costs = {
        arms[arm]: cost for arm, cost in zip(drawn.arms.tolist(), drawn.cost.tolist(), strict=True)
    }
    now, spent = 0, 0
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        ledger = Ledger(RunDirectory(Path(folder)), "AP50")
        search = Search(sweep, arms, costs, Recorded(sweep, drawn), ledger)
        running: list[tuple[int, int, int]] = []
        search.advance()
        while not search.over:
            while len(running) < slots and search.begun:
                number, until = search.begun.popleft()
                duration = int((until - ledger.records[number].trained) * drawn.cost[number])
                spent += duration
                heapq.heappush(running, (now + duration, number, until))
            now, number, until = heapq.heappop(running)
            score = best[number, until - 1]
            ledger.add_epoch(number, {"epoch": until, "AP50": score, "seconds": 0.0})
            if until == epochs:
                ledger.close(number, "done")
            search.advance()
        winner = ledger.standings()[0].trial.number
    return Outcome(spent, now, winner)


Decide = Callable[[int, int, float], bool]
"""Whether a trial continues after an epoch with this score."""


def stopping(drawn: Draw, slots: int, decide: Decide) -> Outcome:
    """A rule that stops trials for good, asked after each epoch, in the order of real time."""
    waiting = deque(range(len(drawn.scores)))
    running: list[tuple[int, int, int]] = []
    reached: dict[int, int] = {}
    now, spent, epochs = 0, 0, drawn.scores.shape[1]
    while waiting or running:
        while waiting and len(running) < slots:
            number = waiting.popleft()
            heapq.heappush(running, (now + int(drawn.cost[number]), number, 1))
        now, number, epoch = heapq.heappop(running)
        spent += int(drawn.cost[number])
        reached[number] = epoch
        if epoch < epochs and decide(number, epoch, drawn.scores[number, epoch - 1]):
            heapq.heappush(running, (now + int(drawn.cost[number]), number, epoch + 1))
    winner = max(reached, key=lambda one: (drawn.scores[one, : reached[one]].max(), -one))
    return Outcome(spent, now, winner)


def full(drawn: Draw, slots: int) -> Outcome:
    """Every trial to its end."""
    return stopping(drawn, slots, lambda *_: True)


def ray_asha(drawn: Draw, slots: int) -> Outcome:
    """Ray's own ASHA."""
    scheduler = AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="score",
        mode="max",
        max_t=drawn.scores.shape[1],
        grace_period=GRACE,
        reduction_factor=FACTOR,
    )
    trials = [SimpleNamespace(trial_id=str(one)) for one in range(len(drawn.scores))]
    for trial in trials:
        scheduler.on_trial_add(None, trial)

    def decide(number: int, epoch: int, score: float) -> bool:
        report = {"epoch": epoch, "score": score}
        return scheduler.on_trial_result(None, trials[number], report) != TrialScheduler.STOP

    return stopping(drawn, slots, decide)


def optuna_hyperband(drawn: Draw, slots: int) -> Outcome:
    """Optuna's Hyperband."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    epochs = drawn.scores.shape[1]
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=GRACE, max_resource=epochs, reduction_factor=FACTOR
    )
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=sampler)
    trials: dict[int, optuna.Trial] = {}

    def decide(number: int, epoch: int, score: float) -> bool:
        if number not in trials:
            trials[number] = study.ask()
        trial = trials[number]
        trial.report(score, epoch)
        return not trial.should_prune()

    return stopping(drawn, slots, decide)


OTHERS: dict[str, Rule] = {
    "asha": ray_asha,
    "hyperband": optuna_hyperband,
    "full": full,
}


def outcomes(options: argparse.Namespace) -> Iterator[tuple[Draw, Outcome, Outcome]]:
    """For each task and order: the draw, what the rule made of it, and the full training."""
    with np.load(options.curves) as curves:
        losses = curves["loss"]
    rule = OTHERS.get(options.rule, partial(ours, options))
    for task, loss in enumerate(losses):
        for order in range(options.orders):
            drawn = draw(loss, options.trials, options.spread, [task, order])
            yield drawn, rule(drawn, options.slots), full(drawn, options.slots)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("curves", type=Path, metavar="CURVES.npz")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--spread", type=float, default=10.0)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--parallel", type=int, default=16, help="virtual slots")
    parser.add_argument("--finish", type=int, default=0, help="scheduler.finish; 0: arms may drop")
    parser.add_argument("--rule", choices=["ours", *OTHERS], default="ours")
    parser.add_argument("--scratch", type=Path, help="folder for the records, best in memory")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    cost = wall = busy = best = top3 = 0.0
    cases = 0
    for drawn, made, whole in outcomes(options):
        final = drawn.scores.max(axis=1)
        better = int((final > final[made.winner]).sum())
        cases += 1
        cost += made.cost / whole.cost
        wall += made.wall / whole.wall
        busy += made.cost / (made.wall * options.slots)
        best += better == 0
        top3 += better < 3
    print(f"{cases} cases; rule {options.rule}, spread {options.spread:g}, finish {options.finish}")
    print(
        f"slots {options.slots} trials {options.trials} cost {cases / cost:.2f} "
        f"wall {cases / wall:.2f} busy {busy / cases:.2f} best {best / cases:.2f} "
        f"top3 {top3 / cases:.2f}"
    )


if __name__ == "__main__":
    main()
