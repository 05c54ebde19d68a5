"""Frozen probes and fine-tuned arms side by side."""

from math import factorial, isnan

import pandas as pd

from analysis.factors.probes import FACTOR, FEWEST_ARMS, Probes, probes
from analysis.loading import Run
from analysis.statistics.bootstrap import CONFIDENCE
from analysis.statistics.ties import LEVEL
from analysis.tables.factors.rows import (
    bounds,
    left_out_notes,
    line_title,
    p_text,
    score_notes,
    table_of,
)
from analysis.tables.formats import Format
from analysis.tables.ranking import INTERVAL
from analysis.tables.table import Table
from analysis.wording import count


def probes_table(run: Run, format: Format) -> Table:
    """A row an arm: its score frozen and fine-tuned, and its rank by each.

    Raises:
        AnalysisError: as `probes`.
    """
    found = probes(run)
    ranks = [
        pd.Series([getattr(one, which).score for one in found.arms]).rank(
            ascending=False, method="min"
        )
        for which in ("frozen", "tuned")
    ]
    rows = []
    for one, *places in zip(found.arms, *ranks, strict=True):
        low, high = (one.added.low, one.added.high) if one.added else (float("nan"),) * 2
        numbers = {"ci_low": low, "ci_high": high}
        rows.append(
            {
                **one.line,
                "frozen": one.frozen.score,
                "fine-tuned": one.tuned.score,
                "adds": one.tuned.score - one.frozen.score,
                **(numbers if format == "csv" else {INTERVAL: bounds(low, high)}),
                "rank frozen": int(places[0]),
                "rank fine-tuned": int(places[1]),
            }
        )
    scores = ("frozen", "fine-tuned", "adds")
    return table_of(run, FACTOR, rows, scores, probe_notes(run, found))


def probe_notes(run: Run, found: Probes) -> list[str]:
    """What the table answers, what it found, and how."""
    return [
        "Did the frozen probe predict fine-tuning? Of each arm, its score on test with the "
        "backbone frozen and with all of it trained.",
        tau_sentence(found),
        *(
            ["p takes the arms as independent; those that share a backbone are less than that."]
            if not isnan(found.tau)
            else []
        ),
        *([_choice(found)] if len(found.arms) > 1 else []),
        f"{INTERVAL} of what fine-tuning adds: over the same test images for both.",
        *score_notes(found.tested)[-1:],
        *left_out_notes(run, found.tested, found.alone, "the other of the two"),
        *(
            ["If only the best probes were fine-tuned, τ over them is lower than over all arms."]
            if found.alone
            else []
        ),
    ]


def tau_sentence(found: Probes) -> str:
    """The rank correlation, and what it is worth."""
    arms = count(len(found.arms), "arm")
    if isnan(found.tau):
        few = len(found.arms) < FEWEST_ARMS
        why = (
            f"an order needs at least {FEWEST_ARMS}" if few else "all scores of one kind are equal"
        )
        return f"No rank correlation over {arms}: {why}."
    sure = (
        ""
        if isnan(found.low)
        else f"; {100 * CONFIDENCE:.0f} % interval over test images {found.low:.2f} to "
        f"{found.high:.2f}"
    )
    said = f"Kendall's τ of frozen and fine-tuned is {found.tau:.2f} (n = {arms}{sure})"
    if found.p < LEVEL:
        return f"{said}: the order of the probes tells that of fine-tuning ({p_text(found.p)})."
    least = 1 / factorial(len(found.arms))
    rest = f"; of so few arms not even τ = 1 would (p = {least:.2g})" if least >= LEVEL else ""
    return f"{said}, which does not show that the probe tells the order (p = {found.p:.2g}){rest}."


def _choice(found: Probes) -> str:
    """What it would have cost to fine-tune the best probe alone."""
    first = found.arms[0]
    better = [one for one in found.arms if one.tuned.score > first.tuned.score]
    name = line_title(first.line) or "The one arm"
    if not better:
        return f"The best probe, {name}, is the best when fine-tuned as well."
    best = max(better, key=lambda one: one.tuned.score)
    lost = best.tuned.score - first.tuned.score
    return (
        f"The best probe, {name}, is number {len(better) + 1} when fine-tuned, {lost:.4f} below "
        f"{line_title(best.line)}."
    )
