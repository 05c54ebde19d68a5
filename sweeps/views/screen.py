"""The live view: what fits into the terminal, the most important first."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runs.arms import Arm
from runs.records import TrialRecord
from sweeps.forecast import Forecast
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.views.machine import Meter
from sweeps.views.tables import (
    LOST,
    WIDE,
    leaderboard,
    rung_counts,
    running_trials,
)
from sweeps.views.wording import duration

REFRESHES_PER_S = 1.0
FAILURES_SHOWN = 2
HEAD, FOOT = 2, 1


@dataclass
class StageProgress:
    """A stage that is being made."""

    begun: float = field(default_factory=time.monotonic)
    epoch: int = 0
    told: str = "started"


class Screen:
    """The live view: progress, arms, running trials, rungs, failures, the machine's load.

    A thread of its own draws it, and reads copies of what the main thread changes.
    """

    def __init__(self, plan: Plan, trials: Ledger, repeats: Ledger, console: Console) -> None:
        self.plan, self.trials, self.repeats, self.console = plan, trials, repeats, console
        self.forecast, self.meter = Forecast(plan), Meter(gpus=plan.slots.gpu > 0)
        self.started = time.monotonic()
        self.stages: dict[str, StageProgress] = {}
        self.to_make = [(stage.name, plan.served_by(stage)) for stage in plan.missing]
        self.held = {one.name: plan.slots.of(plan.slot_of_stage(one).gpu) for one in plan.missing}
        self.made: set[str] = set()
        self.seconds_per_epoch: dict[str, float] = {}
        self.running: dict[str, TrialRecord] = {}
        self.closing = ""
        self.stopped: Collection[Arm] = ()
        self.live = Live(
            console=console,
            get_renderable=self.render,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def stage_started(self, name: str) -> None:
        self.stages[name] = StageProgress()

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None:
        stage = self.stages[name]
        stage.epoch, stage.told = epoch, f"epoch {epoch} of {epochs}, loss {loss:.4g}"
        self.seconds_per_epoch[name] = self.held[name] * (time.monotonic() - stage.begun) / epoch

    def stage_done(self, name: str, seconds: float) -> None:
        self.made.add(name)
        self.stage_left(name)
        self.console.print(Text(f"{name}: made in {duration(seconds)}", style="dim"))

    def stage_left(self, name: str) -> None:
        self.stages.pop(name, None)

    def trial_started(self, record: TrialRecord) -> None:
        self.running[record.name] = record

    def trial_epoch(self, record: TrialRecord) -> None:
        """Does nothing: the record is drawn as it is."""

    def trial_paused(self, record: TrialRecord) -> None:
        self.running.pop(record.name, None)

    def trial_ended(self, record: TrialRecord) -> None:
        self.running.pop(record.name, None)

    def lost(self, name: str, why: str) -> None:
        self.running.pop(name, None)
        self.stage_left(name)
        self.console.print(Text(f"{name}: {why}; it is tried again", style="yellow"))

    def arms_stopped(self, arms: Collection[Arm]) -> None:
        self.stopped = arms

    def scoring(self, name: str, left: int) -> None:
        self.closing = f"scoring {name} on test, {left} more to do"

    def timing(self, name: str, left: int) -> None:
        self.closing = f"timing {name}, {left} more to do"

    def render(self) -> Group:
        """The whole view at this moment; a line less than the terminal has."""
        width, height = self.console.size
        trials, repeats = list(self.trials.records.values()), list(self.repeats.records.values())
        rows = height - 1 - HEAD - FOOT
        sections = self._sections(trials, repeats, width, rows)
        taken = sum(lines for _, lines in sections)
        gap = [Text()] if rows - taken > len(sections) else []
        parts: list[RenderableType] = [*self._head(trials, repeats, width)]
        for section, _ in sections:
            parts += [*gap, section]
        return Group(*parts, *gap, _line(self.meter.read(), "dim"))

    def _sections(
        self, trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord], width: int, rows: int
    ) -> list[tuple[RenderableType, int]]:
        """What is shown in so many rows, and how many each takes; the most important first."""
        running, stages = self.running.copy(), list(self.stages.copy().items())
        arms, metric = self.plan.arms, self.plan.sweep.metric
        lost = [one for one in (*trials, *repeats) if one.status in LOST]
        rungs = self.forecast.at_rungs(trials)
        finished = sum(one.status == "done" for one in trials)
        wishes = [
            (1, 1 + len(lost[-FAILURES_SHOWN:])) if lost else (0, 0),
            (4, 1 + len(arms)),
            (3, 1 + len(running)) if running else (0, 0),
            (2, 1 + len(stages)) if stages else (0, 0),
            (4, 4) if rungs else (0, 0),
        ]
        lines = share(rows, wishes)
        sections: list[RenderableType] = [
            Group(*_failures(lost, len(trials) + len(repeats), lines[0])),
            leaderboard(arms, trials, repeats, self.stopped, metric, lines[1]),
            running_trials(running, metric, lines[2], wide=width >= WIDE),
            Group(*self._stages(stages, lines[3])),
            rung_counts(rungs, finished),
        ]
        return [one for one in zip(sections, lines, strict=True) if one[1]]

    def _head(
        self, trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord], width: int
    ) -> list[RenderableType]:
        """How long it has run and will run, and how much is done."""
        done = self.forecast.done(trials) + self.forecast.done(repeats)
        left = self._units_left(trials, repeats)
        begun = sum(bool(one.epochs) or one.status == "running" for one in (*trials, *repeats))
        finished = sum(one.status == "done" for one in (*trials, *repeats))
        told = (
            f"{duration(time.monotonic() - self.started)} elapsed, "
            f"{self._remaining(done, left, trials, repeats)}; "
            f"{begun} of {self.plan.trainings} trials begun, {finished} finished"
        )
        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=max(done + left, 1), completed=done, width=min(width, 100)))
        return [_line(told, "bold"), bar]

    def _units_left(self, trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord]) -> float:
        named = bool(repeats or self.closing)
        over = named and all(record.ended for record in trials)
        of_trials = 0.0 if over else self.forecast.left_of_trials(trials, self.stopped)
        return of_trials + self.forecast.left_of_repeats(repeats)

    def _remaining(
        self,
        done: int,
        left: float,
        trials: Sequence[TrialRecord],
        repeats: Sequence[TrialRecord],
    ) -> str:
        """Time left, from how long what is done has taken."""
        if self.closing and not self.running:
            return self.closing
        seconds = seconds_left(
            left,
            done,
            sum(one.seconds * self.plan.slots.of(one.gpu) for one in (*trials, *repeats)),
            self._seconds_of_stages(),
            self.plan.slots.count,
        )
        if seconds is None:
            return "time left: known after the first epoch"
        return f"about {duration(seconds)} left"

    def _seconds_of_stages(self) -> float | None:
        """What the stages that are not made yet still take; None before an epoch of one is done."""
        if not self._stages_left:
            return 0.0
        paces = list(self.seconds_per_epoch.copy().values())
        if not paces:
            return None
        epochs = self.plan.sweep.budget.pretraining_epochs * self._stages_left
        epochs -= sum(one.epoch for one in self.stages.copy().values())
        return epochs * fmean(paces)

    @property
    def _stages_left(self) -> int:
        """How many stages will still be made: those of arms that are not stopped."""
        return sum(
            name not in self.made and not set(arms) <= set(self.stopped)
            for name, arms in self.to_make
        )

    def _stages(self, stages: Sequence[tuple[str, StageProgress]], lines: int) -> list[Text]:
        heading = _line(f"initial weights: {self._stages_left} to be made", "dim")
        return [heading, *(_line(f"{name}: {one.told}") for name, one in stages[: lines - 1])]


def share(rows: int, wishes: Sequence[tuple[int, int]]) -> list[int]:
    """How many rows each section gets.

    First what it needs at least, or none; the first sections come first. Then a row each in turn,
    up to what it can use.

    Args:
        wishes: for each section the least and the most.
    """
    given = []
    for least, most in wishes:
        given.append(min(least, most) if min(least, most) <= rows else 0)
        rows -= given[-1]
    while growing := [i for i, (_, most) in enumerate(wishes) if 0 < given[i] < most][:rows]:
        for index in growing:
            given[index] += 1
        rows -= len(growing)
    return given


def seconds_left(
    left: float, done: int, spent: float, stages: float | None, slots: int
) -> float | None:
    """Estimate of the seconds to the end; None as long as nothing has been measured.

    Args:
        left, done: of trials and repeats, in units of cost.
        spent: slot seconds for what is done.
        stages: slot seconds that initial weights still take; None if that is not known.
        slots: how many jobs are done at once.
    """
    if stages is None or not done:
        return None
    return (stages + left * spent / done) / slots


def _failures(lost: Sequence[TrialRecord], of: int, lines: int) -> list[Text]:
    """How many trials failed or diverged, and why the last ones did."""
    told = f"{len(lost)} of {of} trials failed or diverged ({len(lost) / max(of, 1):.0%})"
    last = lost[-(lines - 1) :] if lines > 1 else []
    return [
        _line(told, "red"),
        *(_line(f"{one.status}: {one.name}: {one.reason}", "red") for one in last),
    ]


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
