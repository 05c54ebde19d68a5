"""When a trial is stopped early: a Ray scheduler whose decisions are the same twice.

Ray's own ASHA compares with whatever has been reported by then, so two runs of one sweep prune
differently. Here a trial is compared only with trials that had ended before it was proposed.
"""

from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from sweeps.ledger import Ledger, Record
from sweeps.schema import Scheduler

MEDIAN_NEEDS = 3
"""Fewer peers than this have no median worth obeying."""


class PruneInOrder(FIFOScheduler):
    """Stops a trial that falls behind its peers.

    Args:
        rule: asha or median, see `Scheduler`.
        ledger: what the peers did.
        lag: a peer is at least this many numbers before the trial, and has therefore ended.
        within_arm: compare a trial with its own arm only.
    """

    def __init__(self, rule: Scheduler, ledger: Ledger, lag: int, within_arm: bool) -> None:
        super().__init__()
        self.rule, self.ledger, self.lag, self.within_arm = rule, ledger, lag, within_arm
        self.pruned: set[int] = set()

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """STOP or CONTINUE, at each epoch."""
        number, epoch = trial.config["number"], int(result["epoch"])
        if result["diverged"] or epoch >= trial.config["epochs"]:
            return TrialScheduler.CONTINUE
        if self._stops(result["score"], self._peers(self.ledger.records[number]), epoch):
            self.pruned.add(number)
            return TrialScheduler.STOP
        return TrialScheduler.CONTINUE

    def _peers(self, record: Record) -> list[Record]:
        return [
            other
            for other in self.ledger.records.values()
            if other.number <= record.number - self.lag
            and other.status != "failed"
            and (not self.within_arm or other.arm == record.arm)
        ]

    def _stops(self, own: float, peers: list[Record], epoch: int) -> bool:
        if self.rule.name == "asha":
            if not is_rung(epoch, self.rule.grace_epochs, self.rule.factor):
                return False
            reached = (peer.score_by(epoch, self.ledger.metric) for peer in peers)
            scores = [score for score in reached if score is not None]
            return bool(scores) and own < rung_cutoff(scores, self.rule.factor)
        if self.rule.name == "median" and epoch >= self.rule.grace_epochs:
            means = [running_mean(peer, epoch, self.ledger.metric) for peer in peers]
            known = [mean for mean in means if mean is not None]
            return len(known) >= MEDIAN_NEEDS and own < float(np.median(known))
        return False


def is_rung(epoch: int, grace: int, factor: int) -> bool:
    """Whether `epoch` is grace · factor^k for a k from 0."""
    while epoch % factor == 0 and epoch > grace:
        epoch //= factor
    return epoch == grace


def rung_cutoff(scores: list[float], factor: int) -> float:
    """What must be reached to be among the best 1/factor of a rung (Li et al. 2020, ASHA)."""
    return float(np.quantile(scores, 1 - 1 / factor))


def running_mean(record: Record, epoch: int, metric: str) -> float | None:
    """Mean score of the epochs up to `epoch` (Golovin et al. 2017, Vizier's median rule)."""
    if record.score_by(epoch, metric) is None:
        return None
    return float(np.mean([e[metric] for e in record.epochs if e["epoch"] <= epoch and metric in e]))
