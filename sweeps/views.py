"""The view of a run: live in a terminal, elsewhere one plain line for each event."""

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runs.records import TrialRecord
from runs.winner import Scored, first
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.view import View

FAILURES_SHOWN = 4


def duration(seconds: float) -> str:
    """`45 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


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

    def trial_started(self, record: TrialRecord) -> None:
        if record.epochs:
            self._line(f"{record.name}: resumed after epoch {record.epochs[-1]['epoch']}")
            return
        tuned = ", ".join(f"{key} {_short(record.config[key])}" for key in record.tuned)
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

    def scored(self, left: int) -> None:
        self._line(f"scored on test, {left} more to do")

    def _line(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


class Screen:
    """The live view: progress with an estimate, running trials, the best so far, failures.

    A thread of its own draws it, and reads copies of what the main thread changes.

    Attributes:
        left: by name, the trials that have been in a slot and have left it: ended, or waiting.
    """

    def __init__(self, plan: Plan, ledgers: Sequence[Ledger], console: Console) -> None:
        self.plan, self.console = plan, console
        self.stages: dict[str, str] = {}
        self.stages_made = 0
        self.stages_all = len(plan.missing)
        self.running: dict[str, TrialRecord] = {}
        self.begun: dict[str, float] = {}
        self.to_score: int | None = None
        self.left: dict[str, TrialRecord] = {
            record.name: record
            for ledger in ledgers
            for record in ledger.records.values()
            if record.epochs
        }
        self.live = Live(
            console=console, get_renderable=self.render, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def stage_started(self, name: str) -> None:
        self.stages[name] = "started"

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None:
        self.stages[name] = f"epoch {epoch} of {epochs}, loss {loss:.4g}"

    def stage_done(self, name: str, seconds: float) -> None:
        self.stages.pop(name, None)
        self.stages_made += 1
        self.console.print(Text(f"{name}: made in {duration(seconds)}", style="dim"))

    def trial_started(self, record: TrialRecord) -> None:
        self.running[record.name] = record
        self.left.pop(record.name, None)
        self.begun[record.name] = time.monotonic() - record.seconds

    def trial_epoch(self, record: TrialRecord) -> None:
        """Does nothing: the record is drawn as it is."""

    def trial_paused(self, record: TrialRecord) -> None:
        self.trial_ended(record)

    def trial_ended(self, record: TrialRecord) -> None:
        self.running.pop(record.name, None)
        self.left[record.name] = record

    def scored(self, left: int) -> None:
        self.to_score = left

    def render(self) -> Group:
        """The whole view at this moment."""
        parts: list[Text | Table] = []
        if self.stages_made < self.stages_all:
            heading = f"initial weights: {self.stages_made} of {self.stages_all} made"
            parts.append(Text(heading, style="bold"))
            parts += [Text(f"  {name}: {state}") for name, state in self.stages.copy().items()]
        parts.append(self._progress())
        if self.running:
            parts.append(self._trials())
        if best := self._best():
            parts.append(Text(f"best so far: {best}", style="green"))
        failures = [one for one in self._left() if one.status in ("failed", "diverged")]
        parts += [
            Text(f"{record.status}: {record.name}: {record.reason}", style="red")
            for record in failures[-FAILURES_SHOWN:]
        ]
        return Group(*parts)

    def _left(self) -> list[TrialRecord]:
        """Those that have been in a slot and have left it."""
        return list(self.left.copy().values())

    def _progress(self) -> Table:
        bar = Table.grid(padding=(0, 1))
        left = self._left()
        begun = len(left) + len(self.running)
        waiting = sum(not record.ended for record in left)
        finished = sum(record.status == "done" for record in left)
        bar.add_row(
            Text(f"{begun} of {self.plan.trainings} trials begun", style="bold"),
            ProgressBar(total=self.plan.trainings, completed=begun, width=30),
            Text(f"{waiting} waiting, {finished} finished", style="dim"),
            Text(self._remaining(), style="dim"),
        )
        return bar

    def _remaining(self) -> str:
        """Time left, estimated from all trials so far, those that wait included."""
        if self.to_score is not None and not self.running:
            return f"{self.to_score} to be scored on test"
        left = [record.seconds for record in self._left()]
        running = [self._pace(record) for record in self.running.copy().values()]
        seconds = seconds_left(left, running, self.plan.trainings, self.plan.slots.count)
        if seconds is None:
            return "time left: known after the first trial"
        return f"about {duration(seconds)} left"

    def _pace(self, record: TrialRecord) -> tuple[float, float | None]:
        """Seconds that a running trial has taken, and that it needs to its last epoch."""
        so_far = time.monotonic() - self.begun[record.name]
        if not record.epochs:
            return so_far, None
        per_epoch = record.seconds / len(record.epochs)
        since = so_far - record.seconds
        return so_far, max(0.0, per_epoch * (record.config["epochs"] - len(record.epochs)) - since)

    def _trials(self) -> Table:
        metric = self.plan.sweep.metric
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("trial", "arm", "epoch", metric, "best"):
            table.add_column(heading, justify="left" if heading in ("trial", "arm") else "right")
        for _, record in sorted(self.running.copy().items()):
            latest = record.epochs[-1] if record.epochs else {}
            table.add_row(
                record.name.partition("-")[0],
                record.arm.title + (f" seed {record.config['seed']}" if record.of else ""),
                f"{latest.get('epoch', 0)}/{record.config['epochs']}",
                f"{latest[metric]:.3f}" if metric in latest else "–",
                "–" if record.score is None else f"{record.score:.3f}",
            )
        return table

    def _best(self) -> str | None:
        known = [*self._left(), *self.running.copy().values()]
        scored = [
            Scored(one.name, one.number, one.score, reached=one.reached)
            for one in known
            if one.score is not None and one.of is None
        ]
        if not scored:
            return None
        best = first(scored)
        return f"{self.plan.sweep.metric} {best.score:.3f}, {best.arm}"


def seconds_left(
    ended: list[float], running: list[tuple[float, float | None]], trials: int, slots: int
) -> float | None:
    """Estimate of the seconds until all trials have ended; None before the first has ended.

    Args:
        ended: seconds that each trial took that is in no slot now, those that wait included.
        running: for each running trial, the seconds it has taken and, after its first epoch, the
            seconds it needs to its last one.
        trials: number of all trials; those to come are assumed to take the mean of `ended`.
        slots: number of trials that run at once.
    """
    if not ended:
        return None
    mean = sum(ended) / len(ended)
    under_way = [max(0.0, mean - so_far) if to_go is None else to_go for so_far, to_go in running]
    waiting = trials - len(ended) - len(running)
    return max((waiting * mean + sum(under_way)) / slots, max(under_way, default=0.0))


def view_for(plan: Plan, ledgers: Sequence[Ledger], console: Console) -> "Lines | Screen":
    """The live view in a terminal, lines anywhere else."""
    view: Lines | Screen = (
        Screen(plan, ledgers, console) if console.is_terminal else Lines(plan, ledgers, console)
    )
    _: View = view
    return view


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
