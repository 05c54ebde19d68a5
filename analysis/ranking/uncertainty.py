"""How uncertain the test scores of a ranking are, and which arms are tied with the first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

import pandas as pd

from analysis.loading import Run, once_a_run
from analysis.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Bootstrap,
    bootstrap,
    interval,
    resamples,
)
from analysis.statistics.tallies import is_tallied, read_tally
from analysis.statistics.ties import LEVEL, Comparison, compare_with, obstacle

TIED = "="
"""How an arm is marked that cannot be distinguished from the first one."""

NOT_TESTED = "it was not tested"

Models = tuple[Run, tuple[str, ...]]
"""A run, and names of those of its trials or repeats that stand for an arm on test."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What is known of each arm, best first.

    Attributes:
        frame: a row an arm, of the columns `ci_low`, `ci_high`, `difference`, `p` and
            `tied` that `arms.rank_arms` explains; those that would be empty are left out.
        images: how many test images the first tallied arm was scored on; 0 if none was tallied.
        seeds: how many models stand for each arm on test; 0 of an arm that was not tested.
        unknown: why an arm is not compared with the first one, by row.
        unfinished: those rows of `unknown` that have no finished training.
    """

    frame: pd.DataFrame
    images: int
    seeds: tuple[int, ...]
    unknown: dict[int, str]
    unfinished: frozenset[int]


def uncertainty_of(
    arms: Sequence[Models], metric: str, unfinished: Mapping[int, str]
) -> Uncertainty:
    """Bootstrap every arm on the same resamples, and compare each with the first.

    Args:
        arms: best first.
        metric: what was scored.
        unfinished: rows of arms that are not compared, whatever was tested of them, because they
            have no finished training; and how that came about.

    Raises:
        TallyError: a tally is damaged.
    """
    seed = arms[0][0].record.seed if arms else 0
    samples = [_sample(run, names, metric, seed) for run, names in arms]
    unknown = _unknown(arms, samples) | dict(unfinished)
    frame = pd.DataFrame(index=range(len(arms)))
    bounds = [interval(sample) if sample else None for sample in samples]
    frame["ci_low"] = [pair[0] if pair else nan for pair in bounds]
    frame["ci_high"] = [pair[1] if pair else nan for pair in bounds]
    able = [row for row in range(1, len(arms)) if not {0, row} & set(unknown)]
    compared = _compared(samples, able)
    frame["difference"] = pd.Series([one.difference for one in compared], able, "float64")
    frame["p"] = pd.Series([one.p for one in compared], able, "float64")
    frame["tied"] = pd.Series([one.tied for one in compared], able, "boolean")
    return Uncertainty(
        frame.dropna(axis="columns", how="all"),
        images=next((len(sample.names) for sample in samples if sample), 0),
        seeds=tuple(len(names) for _, names in arms),
        unknown=unknown,
        unfinished=frozenset(unfinished),
    )


_drawn = lru_cache(maxsize=1)(resamples)
"""All arms of a ranking are scored on the same draws."""


@once_a_run
def _sample(run: Run, names: tuple[str, ...], metric: str, seed: int) -> Bootstrap | None:
    """None of an arm of which a model was not tallied."""
    if not names or not all(is_tallied(run, name) for name in names):
        return None
    tallies = [read_tally(run, name) for name in names]
    return bootstrap(tallies, metric, _drawn(len(tallies[0].names), seed))


def _compared(samples: Sequence[Bootstrap | None], able: Sequence[int]) -> list[Comparison]:
    """The first arm with those that can be compared with it."""
    if not able:
        return []
    first, *others = (sample for row in (0, *able) if (sample := samples[row]))
    return compare_with(first, others)


def _unknown(arms: Sequence[Models], samples: Sequence[Bootstrap | None]) -> dict[int, str]:
    first = samples[0] if samples else None
    unknown = {}
    for row, ((_, names), sample) in enumerate(zip(arms, samples, strict=True)):
        if not names:
            unknown[row] = NOT_TESTED
        elif sample is None:
            unknown[row] = "its test images were not tallied"
        elif reason := obstacle(first or sample, sample):
            unknown[row] = reason
    return unknown


def uncertainty_notes(found: Uncertainty, titles: Sequence[str], metric: str) -> list[str]:
    """What the columns of `found.frame` say, how that was found, and what is not known.

    Args:
        found: what `uncertainty_of` gave.
        titles: each row's arm as a sentence has it.
        metric: what was scored.
    """
    notes = []
    if "ci_low" in found.frame:
        notes.append(
            f"{100 * CONFIDENCE:.0f} % CI of test: a bootstrap over the {found.images} test images "
            f"({RESAMPLES} resamples, expanded percentiles, seeds averaged), as if they were "
            "independent of each other. Tiles of one scene are not: the interval is too narrow."
        )
    if "tied" in found.frame:
        notes += [_test_note(found, metric), *_better_notes(found, titles, metric)]
    return notes + _unknown_notes(found, titles)


def _test_note(found: Uncertainty, metric: str) -> str:
    compared = int(found.frame["tied"].notna().sum())
    times = f" for {compared} comparisons" if compared > 1 else ""
    # Only the seeds of the first arm and of those that are compared with it were looked at.
    seeds = [found.seeds[row] for row in range(len(found.seeds)) if row not in found.unknown]
    if max(seeds) == 1:
        error = "a bootstrap over the images, the same for both"
        noise = " Seed noise was not measured; repeats in the sweep would measure it."
    else:
        error = "a bootstrap over the images, the same for both, and the variance between seeds"
        alone = "An arm with one seed is assumed to vary between seeds as the others do."
        noise = f" {alone}" if min(seeds) == 1 else ""
    return (
        f"Tied ({TIED} or underlined): cannot be distinguished from the first arm, chosen on "
        f"validation. Tested was the difference of mean {metric} on the same test images, with its "
        f"standard error from {error}: p ≥ {LEVEL} by Student's t, with Holm's correction{times}."
        f"{noise}"
    )


def _better_notes(found: Uncertainty, titles: Sequence[str], metric: str) -> list[str]:
    frame = found.frame
    ahead = frame[frame["tied"].eq(False).fillna(False) & (frame["difference"] < 0)]
    return [
        f"On test, {titles[row]} has a higher {metric} than the arm chosen on validation, by "
        f"{-difference:.4f} (p = {p:.2g})."
        for row, difference, p in zip(ahead.index, ahead["difference"], ahead["p"], strict=True)
    ]


def _unknown_notes(found: Uncertainty, titles: Sequence[str]) -> list[str]:
    if not found.images:
        return []
    if 0 in found.unknown:
        return [f"No arm can be compared with the first one, {titles[0]}: {found.unknown[0]}."]
    # Arms without a finished training have a note of their own, see `unfinished_notes`.
    tested = {
        row: reason
        for row, reason in found.unknown.items()
        if reason != NOT_TESTED and row not in found.unfinished
    }
    return [
        f"Not compared with the first arm ({reason}): "
        + ", ".join(titles[row] for row, why in tested.items() if why == reason)
        + "."
        for reason in dict.fromkeys(tested.values())
    ]
