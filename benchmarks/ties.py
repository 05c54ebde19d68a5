"""How often arms are called different that are not, and how often those that are.

    python benchmarks/ties.py --worlds 1000

Simulates test images that are hard or easy for all arms, and arms whose seeds differ, overall and
from image to image. Prints a table of percentages: of worlds without any difference in which some
arm is called different from the first one (size; with several arms, of the whole family), of
differences that are found (power), and of intervals that miss the true score. Beside the rule of
`analysis.compare_with` there is the one that it replaced: the test of Welch (1947) on the scores as
they are, each arm with the variance of its own seeds, corrected as Holm 1979.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analysis import Bootstrap, compare_with, interval, resamples, seed_noise  # noqa: E402

Array = NDArray[np.float64]

IMAGES = 40
NAMES = np.array([str(number) for number in range(IMAGES)])
WEIGHTS = resamples(IMAGES, seed=0, count=500) / IMAGES


@dataclass(frozen=True)
class Study:
    """What is simulated.

    Attributes:
        arms: how many there are.
        repeated: how many of them, the first ones, have several seeds.
        seeds: how many.
        score: of every arm.
        lower: what the arms after the first score instead.
        first, single: times the others' standard deviation between seeds, of the first arm and of
            those with one seed.
        uneven: standard deviation of the logarithm of each arm's standard deviation.
        chosen: whether the first arm is the one of the repeated arms that is best on validation,
            where a seed has the same effect as on test.
    """

    arms: int
    repeated: int
    seeds: int
    score: float = 0.5
    lower: float | None = None
    first: float = 1.0
    single: float = 1.0
    uneven: float = 0.0
    chosen: bool = False


SEED_DEVIATION, IMAGE_DEVIATION, HARDNESS = 0.04, 0.1, 0.2
"""In angles, which are scores at 0.5: of a seed, of a seed on an image, of an image for all."""


def world(study: Study, rng: np.random.Generator) -> list[Bootstrap]:
    """The arms, first one first, scored by the mean over images."""
    hardness = rng.normal(0, HARDNESS, IMAGES)
    deviations = SEED_DEVIATION * np.exp(study.uneven * rng.normal(size=study.arms))
    deviations[0] *= study.first
    deviations[study.repeated :] *= study.single
    arms, effects = [], []
    for arm, deviation in enumerate(deviations):
        count = study.seeds if arm < study.repeated else 1
        level = study.score if arm == 0 or study.lower is None else study.lower
        effect = rng.normal(0, deviation, (count, 1))
        errors = rng.normal(0, IMAGE_DEVIATION, (count, IMAGES))
        angle = np.arcsin(sqrt(level)) + effect + hardness + errors
        values = np.sin(np.clip(angle, 0, np.pi / 2)) ** 2
        arms.append(Bootstrap(NAMES, values.mean(axis=1), values @ WEIGHTS.T))
        effects.append(effect.mean())
    if study.chosen:
        best = int(np.argmax(effects[: study.repeated]))
        arms[0], arms[best] = arms[best], arms[0]
    return arms


def new_rule(arms: Sequence[Bootstrap]) -> list[float]:
    """The p values of the analysis."""
    best, *others = arms
    return [one.p for one in compare_with(best, others, seed_noise(arms))]


def old_rule(arms: Sequence[Bootstrap]) -> list[float]:
    """Those of the rule before it."""
    several = [arm for arm in arms if len(arm.scores) > 1]
    own = {id(arm): old_seeds(arm) for arm in several}
    freedom = sum(len(arm.scores) - 1 for arm in several)
    usual = [
        sum(own[id(arm)][part] * len(arm.scores) * (len(arm.scores) - 1) for arm in several)
        for part in (0, 1)
    ]
    single = (usual[0] / freedom, usual[1] / freedom, freedom)
    best, *others = arms
    found = [
        old_p(best, other, [own.get(id(one), single) for one in (best, other)]) for other in others
    ]
    order = np.argsort(found)
    steps = np.maximum.accumulate(np.sort(found) * np.arange(len(found), 0, -1))
    return np.minimum(steps, 1)[np.argsort(order)].tolist()


def old_seeds(arm: Bootstrap) -> tuple[float, float, int]:
    """The variance of an arm's mean between seeds, what it shares with images, its freedom."""
    count = len(arm.scores)
    apart = arm.resampled - arm.resampled.mean(axis=0)
    by_image = float(apart.var(axis=1).sum()) * IMAGES / (IMAGES - 1)
    return float(arm.scores.var(ddof=1)) / count, by_image / (count * (count - 1)), count - 1


def old_p(best: Bootstrap, other: Bootstrap, seeds: Sequence[tuple[float, float, int]]) -> float:
    """Welch's test, with the degrees of freedom of Satterthwaite."""
    apart = best.resampled.mean(axis=0) - other.resampled.mean(axis=0)
    images = float(apart.var()) * IMAGES / (IMAGES - 1) - sum(one[1] for one in seeds)
    parts = [(max(0.0, images), IMAGES - 1), *((one[0], one[2]) for one in seeds)]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / own for part, own in parts)
    statistic = abs(best.scores.mean() - other.scores.mean()) / sqrt(variance)
    return float(2 * stdtr(freedom, -statistic))


RULES: dict[str, Callable[[Sequence[Bootstrap]], list[float]]] = {"old": old_rule, "new": new_rule}

DESIGNS = [(2, 2, 2), (2, 2, 3), (8, 2, 2), (8, 2, 3), (8, 3, 3), (8, 8, 2), (8, 8, 3), (4, 4, 5)]

SIZES: dict[str, dict[str, Any]] = {
    "alike": {},
    "at .03": {"score": 0.03},
    "first × 2": {"first": 2.0},
    "uneven": {"uneven": 0.3},
    "single × 2": {"single": 2.0},
    "chosen": {"chosen": True},
}
POWERS: dict[str, dict[str, Any]] = {
    "by .1": {"lower": 0.4},
    "by .2": {"lower": 0.3},
    ".30, .02": {"score": 0.3, "lower": 0.02},
}


def percentages(study: Study, worlds: int) -> dict[str, float]:
    """By rule: of worlds with a difference (of any arm, if there is none; of each arm)."""
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for _ in range(worlds):
        arms = world(study, rng)
        for name, rule in RULES.items():
            different = np.array(rule(arms)) < 0.05
            share = different.any() if study.lower is None else different.mean()
            found[name].append(float(share))
    return {name: 100 * float(np.mean(each)) for name, each in found.items()}


def missed(study: Study, worlds: int) -> float:
    """Percentage of intervals of the first arm that the true score is not in."""
    rng = np.random.default_rng(1)
    spread = sqrt(SEED_DEVIATION**2 + IMAGE_DEVIATION**2 + HARDNESS**2)
    angles = np.arcsin(sqrt(study.score)) + rng.normal(0, spread, 1_000_000)
    true = float((np.sin(np.clip(angles, 0, np.pi / 2)) ** 2).mean())
    outside = 0
    for _ in range(worlds):
        arms = world(study, rng)
        low, high = interval(arms[0], seed_noise(arms)) or (0.0, 1.0)
        outside += not low <= true <= high
    return 100 * outside / worlds


def main() -> None:
    parser = argparse.ArgumentParser(description="Size and power of the test for ties.")
    parser.add_argument("--worlds", type=int, default=1000)
    worlds = parser.parse_args().worlds
    print("| arms, repeated × seeds |", " | ".join([*SIZES, *POWERS, "missed"]), "|")
    print("|---|", "---:|" * (len(SIZES) + len(POWERS) + 1), sep="")
    for design in DESIGNS:
        study = Study(*design)
        cells = []
        for changes in (*SIZES.values(), *POWERS.values()):
            if "single" in changes and study.arms == study.repeated:
                cells.append("–")
                continue
            found = percentages(replace(study, **changes), worlds)
            cells.append(f"{found['old']:.1f} → {found['new']:.1f}")
        cells.append(f"{missed(study, worlds):.1f}")
        print(
            f"| {study.arms}, {study.repeated} × {study.seeds} |",
            " | ".join(cells),
            "|",
            flush=True,
        )


if __name__ == "__main__":
    main()
