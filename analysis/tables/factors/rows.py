"""What the tables of factors share: columns of the other factors, cells, sentences, notes."""

from collections.abc import Mapping, Sequence
from math import isnan, nan

import pandas as pd

from analysis.factors.pairs import Gain
from analysis.factors.tested import Tested, TestedArm
from analysis.loading import Run
from analysis.ranking.uncertainty import interval_note
from analysis.statistics.bootstrap import CONFIDENCE
from analysis.statistics.ties import LEVEL
from analysis.tables.ranking import INTERVAL, SAMPLE_WARNING, SPREAD, context_of
from analysis.tables.table import Table
from analysis.wording import MISSING, count, listed
from runs.arms import Arm, Scalar

MEAN = "(mean)"
"""What stands for the other factors in the row of a mean."""


def others_of(run: Run, factor: str) -> list[str]:
    """The factors beside this one."""
    return [name for name in run.record.factors if name != factor]


def score_cells(one: TestedArm, format: str, repeated: bool) -> dict[str, object]:
    """The score on test with its deviation and its interval; the `csv` has them as numbers."""
    if format == "csv":
        numbers = {"std": one.std, "seeds": one.seeds} if repeated else {}
        return {"test": one.score, **numbers, "ci_low": one.low, "ci_high": one.high}
    deviation = MISSING if isnan(one.std) else f"{one.std:.4f}"
    spread = {SPREAD: f"{deviation} ({one.seeds})"} if repeated else {}
    return {"test": one.score, **spread, INTERVAL: bounds(one.low, one.high)}


def gain_cells(one: Gain, format: str) -> dict[str, object]:
    """A difference with its interval; the `csv` has them as numbers."""
    means = {"test": one.score, f"test of {value_text(one.base)}": one.base_score}
    if format == "csv":
        means = {"test": one.score, "base_test": one.base_score}
        return {
            **means,
            "difference": one.difference,
            "ci_low": one.low,
            "ci_high": one.high,
            "p": one.p,
        }
    return {**means, "adds": one.difference, INTERVAL: bounds(one.low, one.high)}


def bounds(low: float, high: float) -> str:
    """An interval in a cell."""
    return MISSING if isnan(low) else f"[{low:.3f}, {high:.3f}]"


def is_repeated(tested: Tested) -> bool:
    """Whether any arm was scored under several seeds."""
    return any(one.seeds > 1 for one in tested.arms)


def value_text(value: Scalar) -> str:
    """A value as a sweep file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def line_title(line: Arm) -> str:
    """Values of factors in a legend or a sentence: what is not a name has its factor before it."""
    return " · ".join(
        value if isinstance(value, str) else f"{factor} {value_text(value)}"
        for factor, value in line.items()
    )


def gain_sentence(one: Gain, factor: str) -> str:
    """What a mean over pairs says, and whether chance would explain it."""
    pairs = count(one.pairs, "pair")
    over = f"mean of {pairs}" if one.pairs > 1 else "one pair"
    base = f"{factor} {value_text(one.base)}"
    said = f"{factor} {value_text(one.level)} scores {one.difference:+.4f} against {base}"
    if one.found is None:
        return f"{said} ({over}); how sure that is cannot be said."
    within = f"{100 * CONFIDENCE:.0f} % interval {one.low:+.4f} to {one.high:+.4f}, {over}"
    if one.p >= LEVEL:
        verdict = "not significantly different"
    else:
        verdict = f"significantly {'better' if one.difference > 0 else 'worse'}"
    return f"{said} ({within}): {verdict}, {p_text(one.p)}."


def p_text(p: float) -> str:
    """A p value in a sentence."""
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"


def gain_notes(tested: Tested, gains: Sequence[Gain]) -> list[str]:
    """How differences were found."""
    if tested.no_intervals or not tested.drawn:
        return [f"No intervals: {tested.no_intervals}."]
    seeds = ", and the variance between seeds" if tested.noise.freedom else ""
    unknown = (
        "" if seeds else " Seed noise was not measured; repeats in the sweep would measure it."
    )
    levels = sum(one.p == one.p for one in gains)
    corrected = f", corrected for {levels} comparisons" if levels > 1 else ""
    several = (
        " A mean is over these arms, and says nothing of others."
        if any(one.pairs > 1 for one in gains)
        else ""
    )
    return [
        f"{INTERVAL} and p of a difference: from a bootstrap over the {tested.drawn.text}, the "
        f"same for both arms of a pair{seeds} (Behrens-Fisher{corrected}).{several}{unknown}"
    ]


def score_notes(tested: Tested) -> list[str]:
    """How scores on test and their intervals were found."""
    repeated = (
        ["Of arms with repeats, test is their mean, ± their standard deviation (number of seeds)."]
        if is_repeated(tested)
        else []
    )
    if tested.no_intervals or not tested.drawn:
        return [*repeated, f"No intervals: {tested.no_intervals}."]
    return [*repeated, interval_note(tested.drawn, tested.noise.freedom > 0)]


def left_out_notes(
    run: Run, tested: Tested, alone: Sequence[int] = (), lacking: str = ""
) -> list[str]:
    """Which arms are not in the table, and why; `alone` are those that lack `lacking`."""
    titles = {arm: run.record.arms[arm].title for arm in (*tested.others, *alone)}
    notes = []
    if tested.others:
        names = listed([titles[arm] for arm in tested.others])
        notes.append(f"Left out, without a finished training or a score on test: {names}.")
    if alone:
        names = listed([titles[arm] for arm in alone])
        notes.append(f"Left out, without {lacking}: {names}.")
    return notes


def table_of(
    run: Run,
    factor: str,
    rows: Sequence[Mapping[str, object]],
    scores: Sequence[str],
    notes: Sequence[str],
    contest: Sequence[str | None] | None = None,
) -> Table:
    """The rows with what surrounds them; without a `contest`, nothing is set in bold."""
    frame = pd.DataFrame(list(rows))
    known = [name for name in frame if not frame[name].isin([MISSING, None, nan]).all()]
    return Table(
        title=f"{run.record.name}: {factor}, {run.record.metric} on test of {run.record.data.name}",
        warning=SAMPLE_WARNING if run.record.sample else None,
        frame=frame[known],
        scores=tuple(scores),
        notes=tuple(notes),
        context=context_of([run], run.record.metric),
        contest=tuple(contest) if contest is not None else (None,) * len(frame),
    )
