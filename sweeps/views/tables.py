"""The tables of the live view: arms, running trials, rungs. Each takes as many lines as it may."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from rich.table import Table
from rich.text import Text

from runs.arms import Arm
from runs.records import TrialRecord
from runs.winner import rank_records
from sweeps.forecast import Rung
from sweeps.views.wording import short

WIDE = 120
"""Columns of a terminal in which the running trials' hyperparameters have room."""

WORDS = {
    "running": "running",
    "waiting": "waiting",
    "done": "finished",
    "pruned": "pruned",
    "stopped": "stopped",
}
"""What the trials of an arm are counted as, the most important first."""

LOST = ("failed", "diverged")
Side = Literal["left", "right"]


def leaderboard(
    arms: Sequence[Arm],
    trials: Sequence[TrialRecord],
    repeats: Sequence[TrialRecord],
    stopped: Collection[Arm],
    metric: str,
    lines: int,
) -> Table:
    """A row an arm, in the order of the ranking; those without a score are last.

    Args:
        arms: of the sweep; some may have no trial yet.
        stopped: by hand.
        lines: of the terminal; where they are too few, the last one counts the arms left out.
    """
    table = _table(
        ("arm", "left"),
        (metric, "right"),
        ("epoch", "right"),
        ("n", "right"),
        ("failed", "right"),
        ("status", "left"),
    )
    firsts = {one.arm: one.trial for one in rank_records(trials)}
    order = [*firsts, *(arm for arm in arms if arm not in firsts)]
    shown = len(order) if len(order) < lines else lines - 2
    for arm in order[:shown]:
        own = [one for one in trials if one.arm == arm and (one.epochs or one.status == "running")]
        best = firsts.get(arm)
        failed = sum(one.status in LOST for one in own)
        table.add_row(
            arm.title,
            _score(best.score if best else None),
            f"{best.trained}/{best.config['epochs']}" if best else "–",
            str(len(own)),
            Text(str(failed), style="red") if failed else "–",
            _status(own, [one for one in repeats if one.arm == arm], arm in stopped),
        )
    if shown < len(order):
        table.add_row(Text(f"… and {len(order) - shown} more arms", style="dim"))
    return table


def running_trials(
    running: Mapping[str, TrialRecord], metric: str, lines: int, *, wide: bool
) -> Table:
    """A row a trial or repeat that is in a slot."""
    columns: list[tuple[str, Side]] = [
        ("running", "left"),
        ("arm", "left"),
        ("epoch", "right"),
        ("loss", "right"),
    ]
    columns += [(metric, "right"), ("best", "right")]
    columns += [("hyperparameters", "left")] if wide else []
    table = _table(*columns)
    shown = len(running) if len(running) < lines else lines - 2
    for name, record in sorted(running.items())[:shown]:
        latest = record.epochs[-1] if record.epochs else {}
        loss = latest.get("loss")
        tuned = ", ".join(f"{key} {short(record.config[key])}" for key in record.tuned)
        table.add_row(
            name.partition("-")[0],
            record.arm.title + (f" seed {record.config['seed']}" if record.of else ""),
            f"{record.trained}/{record.config['epochs']}",
            "–" if loss is None else f"{loss:.3g}",
            _score(latest.get(metric)),
            _score(record.score),
            *([tuned] if wide else []),
        )
    if shown < len(running):
        table.add_row(Text("…", style="dim"), Text(f"{len(running) - shown} more", style="dim"))
    return table


def rung_counts(rungs: Sequence[Rung], finished: int) -> Table:
    """How many trials came to each rung, how many continued from there and how many wait."""
    table = _table(
        ("rung", "left"), *((f"epoch {rung.epoch}", "right") for rung in rungs), ("end", "right")
    )
    table.add_row("reached", *(str(rung.reached) for rung in rungs), str(finished))
    table.add_row("continued", *(str(rung.continued) for rung in rungs))
    table.add_row("waiting", *(str(rung.waiting) for rung in rungs))
    return table


def _status(trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord], stopped: bool) -> Text:
    """`stopped by hand; 2 finished, 3 waiting; 1 of 2 repeats`."""
    counts = Counter(WORDS[one.status] for one in trials if one.status in WORDS)
    parts = ", ".join(f"{counts[word]} {word}" for word in WORDS.values() if counts[word])
    told = Text(parts)
    if repeats:
        told.append(f"; {sum(one.ended for one in repeats)} of {len(repeats)} repeats")
    return Text.assemble(("stopped by hand; ", "yellow"), told) if stopped else told


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _table(*columns: tuple[str, Side]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading, justify in columns:
        table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis")
    return table
