"""Arms that differ in one factor alone, and what one value of it adds to another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from statistics import fmean

from analysis.factors.tested import Tested, TestedArm
from analysis.loading import AnalysisError, Run
from analysis.statistics.contrasts import Contrast, contrast, obstacle_of
from analysis.statistics.ties import step_down
from runs.arms import Arm, Scalar

Line = dict[Scalar, TestedArm]
"""The arms that share the values of all factors but one, by their value of that one."""

Pair = tuple[TestedArm, TestedArm]


@dataclass(frozen=True)
class Gain:
    """What one value of a factor adds to the score of another one.

    Attributes:
        level, base: the two values.
        line: values of the other factors; None: the mean over several pairs.
        pairs: how many pairs of arms it is over.
        score, base_score: on test, means over the pairs.
        found: their difference with its interval; None where there is none.
        p: two-sided, of no difference, corrected for the number of levels; NaN where it is not
            known, and of a single pair among several.
    """

    level: Scalar
    base: Scalar
    line: Arm | None
    pairs: int
    score: float
    base_score: float
    found: Contrast | None
    p: float = nan

    @property
    def difference(self) -> float:
        """How much higher `score` is than `base_score`."""
        return self.score - self.base_score

    @property
    def low(self) -> float:
        """Of the 95 % interval of `difference`; NaN where there is none."""
        return self.found.low if self.found else nan

    @property
    def high(self) -> float:
        """Like `low`."""
        return self.found.high if self.found else nan


def levels_of(run: Run, factor: str) -> list[Scalar]:
    """The values of a factor in the order of the sweep.

    Raises:
        AnalysisError: there is only one.
    """
    levels = list(dict.fromkeys(arm[factor] for arm in run.record.arms))
    if len(levels) < 2:
        raise AnalysisError(f"{factor} has one value only, {levels[0]}")
    return levels


def numbers_of(run: Run, factor: str) -> list[float]:
    """The values of a factor that is a number, smallest first.

    Raises:
        AnalysisError: there is only one, or one is not a number above 0.
    """
    levels = levels_of(run, factor)
    numbers = [one for one in levels if isinstance(one, int | float) and one > 0]
    if len(numbers) < len(levels):
        wrong = next(one for one in levels if one not in numbers)
        raise AnalysisError(f"{factor} has the value {wrong}, which is not a number above 0")
    return sorted(numbers)


def lines_of(tested: Tested, factor: str) -> dict[Arm, Line]:
    """The tested arms by the values of all other factors, in the order of the ranking."""
    lines: dict[Arm, Line] = {}
    for one in tested.arms:
        rest = Arm({key: value for key, value in one.values.items() if key != factor})
        lines.setdefault(rest, {})[one.values[factor]] = one
    return lines


def gains(tested: Tested, factor: str, levels: Sequence[Scalar]) -> list[Gain]:
    """What each level adds to the first one: the mean over pairs, then each pair if there are more.

    A pair is two arms that differ in the factor alone. The mean has equal weights for them, and its
    interval is for these arms on other test images and under other seeds. Levels without a pair are
    left out.
    """
    base, *others = levels
    lines = lines_of(tested, factor)
    by_level = {level: _pairs(lines, level, base) for level in others}
    by_level = {level: pairs for level, pairs in by_level.items() if pairs}
    means = [_mean(tested, level, base, pairs) for level, pairs in by_level.items()]
    found: list[Gain] = []
    for mean in _corrected(means):
        found.append(mean)
        if mean.pairs > 1:
            own = by_level[mean.level].items()
            found += [_mean(tested, mean.level, base, {line: pair}) for line, pair in own]
    return found


def _pairs(lines: Mapping[Arm, Line], level: Scalar, base: Scalar) -> dict[Arm, Pair]:
    return {
        rest: (line[level], line[base])
        for rest, line in lines.items()
        if level in line and base in line
    }


def _mean(tested: Tested, level: Scalar, base: Scalar, pairs: Mapping[Arm, Pair]) -> Gain:
    share, samples = 1 / len(pairs), [one.sample for pair in pairs.values() for one in pair]
    known = [sample for sample in samples if sample]
    found = None
    if len(known) == len(samples) and not obstacle_of(known):
        weights = [share, -share] * len(pairs)
        found = contrast(list(zip(weights, known, strict=True)), tested.noise)
    return Gain(
        level,
        base,
        next(iter(pairs)) if len(pairs) == 1 else None,
        len(pairs),
        fmean(first.score for first, _ in pairs.values()),
        fmean(second.score for _, second in pairs.values()),
        found,
    )


def _corrected(means: Sequence[Gain]) -> list[Gain]:
    """The means with their p values, corrected for each other."""
    tests = [one.found for one in means if one.found]
    found = iter(step_down([one.value for one in tests], [one.error for one in tests]))
    return [replace(one, p=next(found)) if one.found else one for one in means]
