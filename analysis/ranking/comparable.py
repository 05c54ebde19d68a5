"""Whether the arms of several runs are scored on the same test images.

Runs may learn from other bands, another stretch or other training images, and be compared all the
same: what has to be equal is what they are scored on, and that is seen from their tallies.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.loading import AnalysisError, Run
from analysis.statistics.tallies import Tally, is_tallied, read_tally
from analysis.wording import MISSING, count, listed
from runs.tallies import LabelTally, PixelTally

DATA_SETTINGS = ("bands", "train_fraction", "image_size", "augment", "stretch")
"""Settings of an arm by which two runs on the same images may differ."""

SHOWN = (
    *("root", "classes", "labels", "bands", "image_size", "dtype", "stretch", "nodata"),
    "counts",
)
"""What is named of two data records that differ; the rest follows from it."""


def names_of(runs: Sequence[Run]) -> list[str]:
    """What to call each run: its sweep, or its path where two sweeps have one name."""
    names = [run.record.name for run in runs]
    return [
        name if names.count(name) == 1 else str(run.path)
        for run, name in zip(runs, names, strict=True)
    ]


def check_comparable(runs: Sequence[Run]) -> None:
    """That all runs are scored on the test images of the first one, with the same truth.

    Raises:
        AnalysisError: they are not, or that cannot be seen; says what differs.
    """
    first, *others = runs
    for other in others:
        if reason := _obstacle(first, other):
            raise AnalysisError(f"{first.path} and {other.path} cannot be compared: {reason}")


def data_notes(runs: Sequence[Run]) -> list[str]:
    """In what the data of runs that can be compared differ, and what that means for the order."""
    names = names_of(runs)
    first, *others = runs
    notes = []
    for name, other in zip(names[1:], others, strict=True):
        if other.record.data.fingerprint == first.record.data.fingerprint:
            continue
        told = _differing(first, other)
        notes.append(
            f"{names[0]} and {name} learned from different data ({told}) and are scored on the "
            "same test images, with the same truth. The order is by validation, of which only the "
            "number of images is on record."
        )
    return notes


def told_apart(runs: Sequence[Run]) -> list[str]:
    """The settings by which arms of several runs are told apart, beside the factors of each.

    They are factors of one of them, or settings of the data with other values in each.
    """
    if len(runs) == 1:
        return []
    factors = dict.fromkeys(factor for run in runs for factor in run.record.factors)
    fixed = [key for key in DATA_SETTINGS if key not in factors and _values_differ(runs, key)]
    return [*factors, *fixed]


def _values_differ(runs: Sequence[Run], key: str) -> bool:
    column = f"config/{key}"
    values = [set(run.trials[column].dropna()) for run in runs if column in run.trials]
    return any(one != values[0] for one in values)


def _obstacle(first: Run, other: Run) -> str | None:
    ours, theirs = first.record.data, other.record.data
    for key, differ in (("name", "differs"), ("classes", "differ")):
        mine, its = getattr(ours, key), getattr(theirs, key)
        if mine != its:
            return f"the {key} of their data {differ}, {_text(mine)} and {_text(its)}"
    same = ours.fingerprint == theirs.fingerprint
    tallies = [_any_tally(run) for run in (first, other)]
    if tallies[0] and tallies[1]:
        found = _difference(tallies[0], tallies[1], (str(first.path), str(other.path)))
        return found and f"{found}. They differ in {_differing(first, other)}"
    if same:
        return None
    lacking = listed(
        [str(run.path) for run, one in zip((first, other), tallies, strict=True) if not one]
    )
    return (
        f"their data differ, and whether they are scored on the same test images is not on record: "
        f"no tally of them in {lacking} (they are tallied once, after the search). They differ in "
        f"{_differing(first, other)}"
    )


def _any_tally(run: Run) -> Tally | None:
    """One of the tallies of a run, which all are of the same test images."""
    return next((read_tally(run, name) for name in run.tested if is_tallied(run, name)), None)


def _difference(ours: Tally, theirs: Tally, paths: tuple[str, str]) -> str | None:
    """In which test images two runs differ, how many, and the first one."""
    if type(ours.counts) is not type(theirs.counts):
        return "they are scored on labels of different kinds"
    mine, its = ours.names.tolist(), theirs.names.tolist()
    for own, rest, path in ((mine, its, paths[0]), (its, mine, paths[1])):
        if only := sorted(set(own) - set(rest)):
            images = f"{len(only)} of {count(len(own), 'test image')}"
            return f"the other lacks {images} of {path}, first {only[0]}"
    if mine != its:
        return "their test images are the same, but in another order"
    truths = [_truth(one) for one in (ours, theirs)]
    for what, true in truths[0].items():
        if what not in truths[1]:
            return f"only {paths[0]} counted {what}"
        apart = np.flatnonzero((true != truths[1][what]).any(axis=1))
        if len(apart):
            at = int(apart[0])
            return (
                f"the truth of {count(len(apart), 'test image')} of {len(mine)} differs, first "
                f"{mine[at]} ({what} by class: {_text(true[at].tolist())} and "
                f"{_text(truths[1][what][at].tolist())})"
            )
    return None


def _truth(tally: Tally) -> Mapping[str, NDArray[np.int64]]:
    """What is true in each image, [N, ...], as far as it was counted."""
    counts = tally.counts
    if isinstance(counts, LabelTally):
        return {"labels": counts.truths.astype(np.int64)}
    if not isinstance(counts, PixelTally):
        return {"boxes": counts.truths}
    pixels = {"pixels": counts.confusion.sum(axis=2)}
    if counts.footprints is None:
        return pixels
    return pixels | {"buildings": counts.footprints[:, [0, 2]].sum(axis=1, keepdims=True)}


def _differing(first: Run, other: Run) -> str:
    """`bands: [red, green, blue] and [red, green, blue, nir]; …`."""
    pairs = {
        key: (getattr(first.record.data, key), getattr(other.record.data, key)) for key in SHOWN
    }
    pairs["metric_over"] = (first.record.metric_over, other.record.metric_over)
    told = [
        f"{key}: {_text(mine)} and {_text(its)}"
        for key, (mine, its) in pairs.items()
        if mine != its
    ]
    return "; ".join(told) or "the content of the files"


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
