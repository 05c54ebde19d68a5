"""When a trial is stopped early: a Ray scheduler whose decisions are repeatable.

Ray's own ASHA compares with all that has been reported so far, so that two runs of one sweep prune
differently. Here a trial is compared only with trials that ended before it was proposed.
"""

from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from runs.records import TrialRecord
from sweeps.ledger import Ledger, running_mean, score_by
from sweeps.schema import Scheduler

MEDIAN_NEEDS = 3
"""The median of fewer peers than this stops no trial."""


class PruneInOrder(FIFOScheduler):
    """Stops a trial that falls behind its peers.

    Args:
        rule: asha or median, see `Scheduler`.
        ledger: the records of the peers.
        lag: a peer is at least this many numbers before the trial, and has therefore ended.
        within_arm: compare a trial only with trials of its own arm.
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

    def _peers(self, record: TrialRecord) -> list[TrialRecord]:
        return [
            other
            for other in self.ledger.records.values()
            if other.number <= record.number - self.lag
            and other.status != "failed"
            and (not self.within_arm or other.arm == record.arm)
        ]

    def _stops(self, own: float, peers: list[TrialRecord], epoch: int) -> bool:
        if self.rule.name == "asha":
            if not is_rung(epoch, self.rule.grace_epochs, self.rule.factor):
                return False
            reached = (score_by(peer, epoch, self.ledger.metric) for peer in peers)
            scores = [score for score in reached if score is not None]
            return bool(scores) and own < rung_cutoff(scores, self.rule.factor)
        if self.rule.name == "median" and epoch >= self.rule.grace_epochs:
            means = [running_mean(peer, epoch, self.ledger.metric) for peer in peers]
            known = [mean for mean in means if mean is not None]
            return len(known) >= MEDIAN_NEEDS and own < float(np.median(known))
        return False


def is_rung(epoch: int, grace: int, factor: int) -> bool:
    """Whether `epoch` is grace · factor^k for some k ≥ 0."""
    while epoch % factor == 0 and epoch > grace:
        epoch //= factor
    return epoch == grace


def rung_cutoff(scores: list[float], factor: int) -> float:
    """The score that the best 1/factor of a rung reach (Li et al. 2020, ASHA)."""
    return float(np.quantile(scores, 1 - 1 / factor))
