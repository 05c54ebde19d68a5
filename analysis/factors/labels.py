"""How the score grows with the number of labelled images: the label-efficiency curve."""

from dataclasses import dataclass
from typing import Literal

from analysis.factors.pairs import Line, lines_of, numbers_of
from analysis.factors.tested import Tested, TestedArm, arms_on_test
from analysis.loading import AnalysisError, Run
from analysis.statistics.contrasts import contrast, obstacle_of
from runs.arms import Arm

FACTOR = "train_fraction"

SHARE = 0.95
"""Of the score with all labels: when fewer labels are called enough."""

Reaches = Literal["enough", "too few", "not known"]


@dataclass(frozen=True)
class Enough:
    """How many labels an arm needs for `SHARE` of its score with the most labels that it had.

    Only what the sweep trained is judged; nothing is read off between two points of the curve.

    Attributes:
        line: the arm, by its other factors: the best one by validation of those with most labels.
        most: the largest fraction.
        judged: each smaller fraction, largest first, and whether it is enough.
    """

    line: Arm
    most: float
    judged: tuple[tuple[float, Reaches], ...]

    @property
    def least(self) -> float | None:
        """The smallest fraction that is enough, as are all larger ones; None if none is."""
        least = None
        for fraction, reaches in self.judged:
            if reaches != "enough":
                break
            least = fraction
        return least


@dataclass(frozen=True, eq=False)
class Labels:
    """The curve.

    Attributes:
        tested: what was scored.
        fractions: of the training images, smallest first.
        images: how many training images each is about.
        lines: the arms by fraction, by the other factors, in the order of the ranking.
        enough: None where it cannot be said, because there are no intervals.
    """

    tested: Tested
    fractions: tuple[float, ...]
    images: tuple[int, ...]
    lines: dict[Arm, Line]
    enough: Enough | None


def labels(run: Run) -> Labels:
    """The tested arms by the share of the training images that they learned from.

    Raises:
        AnalysisError: there is one share only, one is not in (0, 1], nothing was scored on test,
            or the run does not say how many training images there are.
    """
    fractions = numbers_of(run, FACTOR)
    if fractions[-1] > 1:
        raise AnalysisError(f"{FACTOR} has the value {fractions[-1]}, which is more than all")
    total = run.record.data.counts.get("train")
    if not total:
        raise AnalysisError("the run does not say how many training images its data have")
    tested = arms_on_test(run)
    lines = lines_of(tested, FACTOR)
    if all(len(line) < 2 for line in lines.values()):
        raise AnalysisError(f"no two tested arms differ in {FACTOR} alone")
    images = tuple(max(1, round(fraction * total)) for fraction in fractions)
    return Labels(tested, tuple(fractions), images, lines, _enough(tested, lines, fractions))


def _enough(tested: Tested, lines: dict[Arm, Line], fractions: list[float]) -> Enough | None:
    """For the line whose arm with the most labels is ranked first."""
    *smaller, most = fractions
    order = [one.arm for one in tested.arms]
    able = [line for line, arms in lines.items() if most in arms and len(arms) > 1]
    if tested.no_intervals or not able:
        return None
    best = min(able, key=lambda line: order.index(lines[line][most].arm))
    own = lines[best]
    judged = tuple(
        (fraction, _reaches(tested, own[fraction], own[most]))
        for fraction in reversed(smaller)
        if fraction in own
    )
    return Enough(best, most, judged)


def _reaches(tested: Tested, fewer: TestedArm, most: TestedArm) -> Reaches:
    """By the interval of the score minus `SHARE` of that with the most labels (Fieller 1954)."""
    if not (fewer.sample and most.sample) or obstacle_of([most.sample, fewer.sample]):
        return "not known"
    found = contrast([(1.0, fewer.sample), (-SHARE, most.sample)], tested.noise)
    if found.low >= 0:
        return "enough"
    return "too few" if found.high < 0 else "not known"
