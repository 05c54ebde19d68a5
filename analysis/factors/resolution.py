"""How the score depends on the size at which a model sees its images, and what that costs."""

from dataclasses import dataclass

from analysis.factors.pairs import Gain, Line, gains, lines_of, numbers_of
from analysis.factors.tested import Tested, arms_on_test
from analysis.loading import AnalysisError, Run
from runs.arms import Arm

FACTOR = "image_size"


@dataclass(frozen=True, eq=False)
class Resolution:
    """The arms by the size of their images.

    Attributes:
        tested: what was scored.
        sizes: px, smallest first.
        lines: the arms by size, by the other factors, in the order of the ranking.
        gains: what each size adds to the smallest one.
        operations: by position of an arm, 10⁹ floating-point operations of an epoch of training and
            validation, counted when the sweep was planned.
    """

    tested: Tested
    sizes: tuple[float, ...]
    lines: dict[Arm, Line]
    gains: tuple[Gain, ...]
    operations: dict[int, float]


def resolution(run: Run) -> Resolution:
    """The tested arms by size and by cost.

    Raises:
        AnalysisError: there is one size only, or nothing was scored on test.
    """
    sizes = numbers_of(run, FACTOR)
    tested = arms_on_test(run)
    lines = lines_of(tested, FACTOR)
    if all(len(line) < 2 for line in lines.values()):
        raise AnalysisError(f"no two tested arms differ in {FACTOR} alone")
    return Resolution(
        tested,
        tuple(sizes),
        lines,
        tuple(gains(tested, FACTOR, sizes)),
        {arm: millions / 1000 for arm, millions in enumerate(run.record.costs)},
    )
