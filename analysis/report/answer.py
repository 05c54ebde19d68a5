"""The answer in one sentence, with its uncertainty; or why there is none."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.ranking.arms import Ranking
from analysis.ranking.uncertainty import shortfall, uncertainty_notes
from analysis.report.parts import Section
from analysis.statistics.bootstrap import CONFIDENCE
from analysis.unfinished import unfinished_notes
from analysis.wording import listed

NAMED = 4
"""Arms that the sentence names."""


def answer(ranking: Ranking) -> Section:
    """The section: what the best arm reaches, and which others it cannot be distinguished from."""
    if ranking.frame["best"].isna().all():
        return Section("answer", "The answer", "There is no answer yet: no trial has a score.")
    sentence = f"{_reached(ranking)}{_verdict(ranking)}"
    if any(run.record.sample for run in ranking.runs):
        sentence = f"On the embedded sample, {sentence}"
    return Section("answer", "The answer", sentence)


def certainty(ranking: Ranking) -> Section:
    """The section: what makes the answer uncertain, and how arms were compared."""
    return Section("certainty", "How sure it is", paragraphs=tuple(_doubts(ranking)))


def _reached(ranking: Ranking) -> str:
    """The first arm, its score, and how uncertain that is."""
    first = _rows(ranking)[0]
    arm, metric = ranking.titles[0], ranking.metric
    epoch = ranking.unfinished[0].epoch if 0 in ranking.unfinished else ""
    early = f" at epoch {epoch}, before a training was finished" if epoch else ""
    if _missing(first["test"]):
        return (
            f"{arm} leads with {metric} {first['best']:.4f} on validation{early}; how sure that is "
            "cannot be said, because it has no score on test yet"
        )
    score = f"{first['test']:.4f}"
    if not _missing(first.get("std")):
        score += f" ± {first['std']:.4f}"
    within = [f"trained up to epoch {epoch} only"] if epoch else []
    if not _missing(first.get("std")):
        within.append(f"mean ± standard deviation over {first['seeds']} seeds")
    if not _missing(first.get("ci_low")):
        low, high = first["ci_low"], first["ci_high"]
        over = "test images and seeds" if ranking.uncertainty.over_seeds else "test images"
        within.append(f"{100 * CONFIDENCE:.0f} % interval over {over} {low:.4f} to {high:.4f}")
    if _missing(first.get("std")) and _missing(first.get("ci_low")):
        within.append("one seed, and no interval")
    return f"{arm} is best by validation and reaches {metric} {score} on test ({'; '.join(within)})"


def _verdict(ranking: Ranking) -> str:
    """What the comparisons say of every other arm."""
    others = _rows(ranking)[1:]
    if not others:
        return "; there is no other arm with a trial to compare it with."
    groups: dict[str, list[str]] = {}
    for at, (row, arm) in enumerate(zip(others, ranking.titles[1:], strict=True), 1):
        standing = "unfinished" if at in ranking.unfinished else _standing(row)
        groups.setdefault(standing, []).append(arm)
    lacking = f" ({shortfall(ranking.uncertainty)})" if "tied" in groups else ""
    said = [
        words.format(_arms(groups[standing], len(others))) + (lacking if standing == "tied" else "")
        for standing, words in STANDINGS.items()
        if standing in groups
    ]
    return f"; it {', and it '.join(said)}."


STANDINGS = {
    "tied": "cannot be distinguished from {}",
    "below": "is better than {}",
    "above": "scores lower on test than {}",
    "unknown": "cannot be compared with {}",
    "unfinished": "is not compared with {}, of which no training was finished",
}
"""How the first arm compares with others, by their standing."""


def _standing(row: dict[str, Any]) -> str:
    if _missing(row.get("tied")):
        return "unknown"
    if row["tied"]:
        return "tied"
    return "below" if row["difference"] > 0 else "above"


def _arms(arms: Sequence[str], others: int) -> str:
    if len(arms) == others > 1:
        return f"any of the {others} other arms"
    return listed(arms, NAMED)


def _doubts(ranking: Ranking) -> list[str]:
    """What makes the answer uncertain."""
    found = ranking.uncertainty
    early = unfinished_notes((ranking.titles[row], one) for row, one in ranking.unfinished.items())
    if not any(found.seeds):
        return ["The test split is scored once, after the search: nothing is tested yet.", *early]
    doubts = early
    if found.drawn is None:
        doubts.append(
            "The test images were not tallied one by one: there is no interval, and no arm can be "
            "compared with another."
        )
    else:
        doubts += uncertainty_notes(found, ranking.titles, ranking.metric)
    if max(found.seeds) == 1:
        doubts.append(
            "Each arm was tested under one seed: how much its score depends on the seed is not "
            "known (repeats in the sweep measure it)."
        )
    return doubts


def _rows(ranking: Ranking) -> list[dict[str, Any]]:
    return [{str(key): row[key] for key in row} for row in ranking.frame.to_dict("records")]


def _missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))
