"""How uncertain the test scores of a ranking are, and which arms are tied with the first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

import pandas as pd

from analysis.loading import Run, once_a_run
from analysis.ranking.remedies import remedy_in_short, remedy_note
from analysis.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Bootstrap,
    Drawn,
    bootstrap,
    scene_resamples,
)
from analysis.statistics.intervals import interval
from analysis.statistics.remedies import Remedy, remedy
from analysis.statistics.seeds import SeedNoise, seed_noise
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
        drawn: the test images that the first tallied arm was scored on; None if none was tallied.
        seeds: how many models stand for each arm on test; 0 of an arm that was not tested.
        unknown: why an arm is not compared with the first one, by row.
        unfinished: those rows of `unknown` that have no finished training.
        over_seeds: whether intervals and comparisons hold the variance between seeds.
        remedies: what would distinguish each tied row from the first one, None if nothing within
            reach would.
    """

    frame: pd.DataFrame
    drawn: Drawn | None
    seeds: tuple[int, ...]
    unknown: dict[int, str]
    unfinished: frozenset[int]
    over_seeds: bool
    remedies: dict[int, Remedy | None]


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
    samples = [sample_of(run, names, metric, seed) for run, names in arms]
    unknown = _unknown(arms, samples) | dict(unfinished)
    frame = pd.DataFrame(index=range(len(arms)))
    noise = seed_noise([sample for sample in samples if sample and not sample.obstacle])
    bounds = [interval(sample, noise) if sample else None for sample in samples]
    frame["ci_low"] = [pair[0] if pair else nan for pair in bounds]
    frame["ci_high"] = [pair[1] if pair else nan for pair in bounds]
    able = [row for row in range(1, len(arms)) if not {0, row} & set(unknown)]
    compared = _compared(samples, able, noise)
    frame["difference"] = pd.Series([one.difference for one in compared], able, "float64")
    frame["p"] = pd.Series([one.p for one in compared], able, "float64")
    frame["tied"] = pd.Series([one.tied for one in compared], able, "boolean")
    ties = {row: one for row, one in zip(able, compared, strict=True) if one.tied}
    return Uncertainty(
        frame.dropna(axis="columns", how="all"),
        drawn=next((sample.drawn for sample in samples if sample), None),
        seeds=tuple(len(names) for _, names in arms),
        unknown=unknown,
        unfinished=frozenset(unfinished),
        over_seeds=noise.freedom > 0,
        remedies={row: remedy(one, rivals=len(ties)) for row, one in ties.items()},
    )


_drawn = lru_cache(maxsize=1)(scene_resamples)
"""All arms of a ranking are scored on the same draws."""


@once_a_run
def sample_of(run: Run, names: tuple[str, ...], metric: str, seed: int) -> Bootstrap | None:
    """The models of an arm on the test images; None of an arm of which one was not tallied.

    Args:
        run: what `load` gave.
        names: of the models, trials or repeats.
        metric: what was scored.
        seed: of the resamples; all arms that are compared have the same.
    """
    if not names or not all(is_tallied(run, name) for name in names):
        return None
    tallies = [read_tally(run, name) for name in names]
    return bootstrap(tallies, metric, _drawn(tuple(tallies[0].scenes.tolist()), seed))


def _compared(
    samples: Sequence[Bootstrap | None], able: Sequence[int], noise: SeedNoise
) -> list[Comparison]:
    """The first arm with those that can be compared with it."""
    if not able:
        return []
    first, *others = (sample for row in (0, *able) if (sample := samples[row]))
    return compare_with(first, others, noise)


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
    if found.remedies and found.drawn:
        tied = {titles[row]: needed for row, needed in found.remedies.items()}
        notes.append(remedy_note(titles[0], tied, found.seeds[0], found.drawn, found.over_seeds))
    if "ci_low" in found.frame and found.drawn:
        notes.append(interval_note(found.drawn, found.over_seeds))
    if "tied" in found.frame:
        notes += [_test_note(found, metric), *_better_notes(found, titles, metric)]
    return notes + _unknown_notes(found, titles)


def shortfall(found: Uncertainty) -> str:
    """What is lacking to separate the tied arms from the first one, in half a sentence."""
    assert found.drawn is not None, "what is tied was tallied"
    return remedy_in_short(found.remedies.values(), found.seeds[0], found.drawn, found.over_seeds)


def interval_note(drawn: Drawn, over_seeds: bool) -> str:
    """What the interval of a score on test holds."""
    seeds = ", and for other seeds by the variance between seeds" if over_seeds else ""
    tiled = drawn.scenes < drawn.images
    whole = ", scenes drawn whole, as tiles of one are not independent" if tiled else ""
    return (
        f"{100 * CONFIDENCE:.0f} % CI of test: for other test images by a bootstrap over the "
        f"{drawn.text} ({RESAMPLES} resamples, expanded{whole}){seeds}."
        + ("" if tiled else " The images are taken as independent.")
    )


def _test_note(found: Uncertainty, metric: str) -> str:
    compared = int(found.frame["tied"].notna().sum())
    times = f", corrected for {compared} comparisons" if compared > 1 else ""
    if found.over_seeds:
        error = "the images, the same for both, and of the seeds"
        noise = (
            " The variance between seeds is pooled over the arms; one that varies more has its own."
        )
        if 1 in _seeds_compared(found):
            noise += " An arm with one seed is assumed to vary between seeds as the others do."
    else:
        error = "the images, the same for both"
        noise = " Seed noise was not measured; repeats in the sweep would measure it."
    return (
        f"Tied ({TIED} or underlined): cannot be distinguished from the first arm, chosen on "
        f"validation. Tested was the difference of mean {metric}, with the errors of {error}: "
        f"p ≥ {LEVEL} (Behrens-Fisher, on the arcsine scale){times}.{noise}"
    )


def _seeds_compared(found: Uncertainty) -> set[int]:
    """How many seeds the first arm and those that are compared with it have."""
    return {seeds for row, seeds in enumerate(found.seeds) if row not in found.unknown}


def _better_notes(found: Uncertainty, titles: Sequence[str], metric: str) -> list[str]:
    frame = found.frame
    ahead = frame[frame["tied"].eq(False).fillna(False) & (frame["difference"] < 0)]
    return [
        f"On test, {titles[row]} has a higher {metric} than the arm chosen on validation, by "
        f"{-difference:.4f} (p = {p:.2g})."
        for row, difference, p in zip(ahead.index, ahead["difference"], ahead["p"], strict=True)
    ]


def _unknown_notes(found: Uncertainty, titles: Sequence[str]) -> list[str]:
    if found.drawn is None:
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
