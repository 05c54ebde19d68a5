"""One plain line for each event: for logs, pipes and schedulers."""

from collections.abc import Collection, Sequence
from typing import Self

from rich.console import Console

from runs.arms import Arm
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.views.wording import duration, listed, short


class Lines:
    """One plain line for each event: for logs, pipes and schedulers."""

    def __init__(self, plan: Plan, ledgers: Sequence[Ledger], console: Console) -> None:
        self.plan, self.console = plan, console
        self.ended = sum(ledger.ended for ledger in ledgers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def stage_started(self, name: str) -> None:
        self._line(f"{name}: started")

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None:
        self._line(f"{name}: epoch {epoch} of {epochs}, loss {loss:.4g}")

    def stage_done(self, name: str, seconds: float) -> None:
        self._line(f"{name}: made in {duration(seconds)}")

    def stage_left(self, name: str) -> None:
        self._line(f"{name}: stopped, because the arms that need it were")

    def trial_started(self, record: TrialRecord) -> None:
        if record.epochs:
            self._line(f"{record.name}: resumed after epoch {record.epochs[-1]['epoch']}")
            return
        tuned = ", ".join(f"{key} {short(record.config[key])}" for key in record.tuned)
        self._line(f"{record.name}: started" + (f" ({tuned})" if tuned else ""))

    def trial_epoch(self, record: TrialRecord) -> None:
        latest = record.epochs[-1]
        metric = self.plan.sweep.metric
        if metric in latest:
            epoch = f"epoch {latest['epoch']} of {record.config['epochs']}"
            self._line(f"{record.name}: {epoch}, {metric} {latest[metric]:.3f}")

    def trial_paused(self, record: TrialRecord) -> None:
        epoch = f"{record.epochs[-1]['epoch']} of {record.config['epochs']}"
        self._line(f"{record.name}: waits at epoch {epoch}")

    def trial_ended(self, record: TrialRecord) -> None:
        self.ended += 1
        metric = self.plan.sweep.metric
        score = "no score" if record.score is None else f"best {metric} {record.score:.3f}"
        why = f": {record.reason}" if record.reason else ""
        self._line(f"{record.name}: {record.status}, {score}{why} [{self.ended} ended]")

    def lost(self, name: str, why: str) -> None:
        self._line(f"{name}: {why}; it is tried again")

    def arms_stopped(self, arms: Collection[Arm]) -> None:
        if arms:
            self._line(f"stopped by hand: {listed(arms)}")

    def scoring(self, name: str, left: int) -> None:
        self._line(f"{name}: scoring on test" + (f", {left} more to do" if left else ""))

    def timing(self, name: str, left: int) -> None:
        self._line(f"{name}: timing" + (f", {left} more to do" if left else ""))

    def _line(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
