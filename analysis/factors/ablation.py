"""What each choice of bands, of augmentation or of the stretch adds to the first one listed."""

from dataclasses import dataclass

from analysis.factors.pairs import Gain, gains, levels_of, lines_of
from analysis.factors.tested import Tested, arms_on_test
from analysis.loading import AnalysisError, Run
from runs.arms import Scalar

ABLATED = ("bands", "augment", "stretch")
"""The factors of which this is asked."""


@dataclass(frozen=True, eq=False)
class Ablation:
    """One factor's choices on test.

    Attributes:
        factor: which.
        base: the choice that the others are held against, the first one of the sweep.
        tested: what was scored.
        gains: what each other choice adds, see `pairs.gains`.
        alone: positions of the tested arms that have no partner.
    """

    factor: str
    base: Scalar
    tested: Tested
    gains: tuple[Gain, ...]
    alone: tuple[int, ...]


def ablation(run: Run, factor: str) -> Ablation:
    """Hold each choice of a factor against the first one, all other factors being equal.

    Raises:
        AnalysisError: there is one choice only, nothing was scored on test, or no two arms differ
            in the factor alone.
    """
    levels = levels_of(run, factor)
    tested = arms_on_test(run)
    found = gains(tested, factor, levels)
    if not found:
        raise AnalysisError(
            f"no tested arm with {factor} {levels[0]}, the first choice, differs from another one "
            f"in {factor} alone"
        )
    return Ablation(factor, levels[0], tested, tuple(found), _alone(tested, factor, levels))


def _alone(tested: Tested, factor: str, levels: list[Scalar]) -> tuple[int, ...]:
    return tuple(
        one.arm
        for line in lines_of(tested, factor).values()
        if len(line) < 2 or levels[0] not in line
        for one in line.values()
    )
