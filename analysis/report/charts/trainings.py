"""What was trained: trials and repeats with their configurations, curves, and times in slots."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.loading import AnalysisError, Run
from analysis.report.charts.shown import Axis, Curve, Span, Timeline, Training, known
from analysis.standings import ranked_arms, validation_scores
from analysis.statistics.packing import packing

MOST_VALUES = 150_000
"""Numbers of curves that a page has room for: about a megabyte."""

DIGITS = 6
"""Significant ones of a number of a curve."""

NOT_DRAWN = {
    *("number", "epoch", "time", "seconds"),
    *("gpu/id", "gpu/total", "gpu/used", "gpu/own"),
}
"""Columns of `Run.epochs` that are no curve."""


def trainings_of(run: Run, numbers: Mapping[int, int], metrics: Sequence[str]) -> list[Training]:
    """The trials of a run by number, then its repeats.

    Args:
        run: what `load` gave.
        numbers: positions of its arms on the page.
        metrics: what can be chosen.
    """
    first = {one.trial.number for one in ranked_arms(run, run.record.metric)}
    scores = {metric: validation_scores(run, metric).to_dict() for metric in metrics}
    of = run.trials.set_index("name")["number"]
    trials = [
        _training(
            run,
            row,
            numbers,
            first=row["number"] in first,
            scores={metric: known(one.get(row["number"])) for metric, one in scores.items()},
        )
        for row in run.trials.to_dict("records")
    ]
    repeats = [
        _training(run, row | {"number": int(of[row["of"]])}, numbers, seed=row["seed"])
        for row in run.repeats.to_dict("records")
    ]
    return trials + repeats


def _training(
    run: Run,
    row: Mapping[Hashable, Any],
    numbers: Mapping[int, int],
    *,
    seed: int | None = None,
    first: bool = False,
    scores: dict[str, float | None] | None = None,
) -> Training:
    return Training(
        arm=numbers[row["arm"]],
        number=row["number"],
        name=row["name"],
        status=row["status"],
        seed=seed,
        first=first,
        reached=row["reached"],
        values={key: known(row[f"config/{key}"]) for key in run.tuned},
        scores=scores or {},
    )


def axes_of(runs: Sequence[Run]) -> tuple[Axis, ...]:
    """What was searched in any of the runs, and has more than one value."""
    axes: dict[str, Axis] = {}
    for run in runs:
        for key in run.tuned:
            domain = run.record.tune.get(key)
            values = run.trials[f"config/{key}"].dropna()
            if key in axes or values.nunique() < 2:
                continue
            choices = None
            if domain and domain.choice is not None:
                choices = tuple(str(choice) for choice in domain.choice)
            elif not pd.api.types.is_numeric_dtype(values):
                choices = tuple(dict.fromkeys(values.astype(str)))
            log = domain is not None and domain.log_uniform is not None
            axes[key] = Axis(key, log, choices)
    return tuple(axes.values())


def curves_of(run: Run, trainings: Sequence[Training], before: int) -> Iterator[Curve]:
    """What was logged of the first trial of each arm, of repeats, and of the best of the others.

    Args:
        run: what `load` gave.
        trainings: what `trainings_of` gave.
        before: how many trainings of other runs the page has before these.
    """
    logged = [name for name in run.epochs.columns.astype(str) if name not in NOT_DRAWN]
    epochs = [*_by_number(run.trials, run.epochs), *_by_number(run.repeats, run.repeat_epochs)]
    room = MOST_VALUES
    for at in _in_order(trainings, run.record.metric):
        room -= len(epochs[at]) * len(logged)
        if room < 0:
            return
        has = [name for name in logged if name in epochs[at] and epochs[at][name].notna().any()]
        if has:
            values = {name: _rounded(epochs[at][name]) for name in has}
            yield Curve(before + at, tuple(epochs[at]["epoch"].tolist()), values)


def _in_order(trainings: Sequence[Training], metric: str) -> list[int]:
    def key(at: int) -> tuple[bool, float, float]:
        one = trainings[at]
        shown_first = one.first or one.seed is not None
        return not shown_first, -one.reached, -(one.scores.get(metric) or 0)

    return sorted(range(len(trainings)), key=key)


def _by_number(table: pd.DataFrame, epochs: pd.DataFrame) -> list[pd.DataFrame]:
    """The epochs of each row of `table`."""
    own = dict(iter(epochs.groupby("number")))
    return [own.get(number, epochs.head(0)) for number in table["number"]]


def _rounded(values: pd.Series) -> tuple[float | None, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values)


def timeline_of(run: Run, at: int, before: int) -> Iterator[Timeline]:
    """What ran when, trials and repeats; nothing if the run does not say when its epochs ended.

    Args:
        run: what `load` gave.
        at: its position on the page.
        before: as of `curves_of`.
    """
    try:
        found = packing(_with_repeats(run))
    except AnalysisError:
        return
    yield Timeline(
        run=at,
        slots=found.slots,
        seconds=found.seconds,
        resumed=found.resumed,
        spans=tuple(
            Span(before + span["number"], span["lane"], span["start"], span["end"])
            for span in found.spans.to_dict("records")
        ),
    )


def _with_repeats(run: Run) -> Run:
    """The run as if its repeats were trials, numbered after them."""
    trials: list[pd.DataFrame] = []
    epochs: list[pd.DataFrame] = []
    for table, own in ((run.trials, run.epochs), (run.repeats, run.repeat_epochs)):
        first = sum(len(one) for one in trials)
        numbers = pd.Series(range(first, first + len(table)), table["number"], dtype="int64")
        trials.append(table.assign(number=numbers.to_numpy()))
        epochs.append(own.assign(number=own["number"].map(numbers).astype("int64")))
    return replace(run, trials=pd.concat(trials), epochs=pd.concat(epochs))
