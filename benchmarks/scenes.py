"""How often the interval of a score holds the true one, where test images are tiles of scenes.

    python benchmarks/scenes.py --worlds 1000

Simulates scenes that are hard or easy as a whole, with equally or unequally many tiles of three
classes, and one trained model. Prints a row for each: the percentage of worlds in which the 95 %
interval of mIoU holds the score on very many scenes, drawing scenes, as `analysis.interval` does,
and drawing tiles as if they were independent.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analysis import Tally, bootstrap, interval, resamples, scene_resamples  # noqa: E402
from runs.tallies import PixelTally  # noqa: E402

CLASSES = ("background", "one", "two")
USUAL = np.array([1.0, 0.0, -1.5])
"""Logits of the classes' shares."""

PIXELS = 4096
DRAWS = 1000
SPREADS = {"equal": 0.0, "unequal": 0.8, "very": 1.2}
"""Standard deviation of the logarithm of the number of tiles."""


@dataclass(frozen=True)
class World:
    """A test set.

    Attributes:
        scenes: int64 [N], the scene of each tile.
        confusion: int64 [N, 3, 3].
    """

    scenes: NDArray[np.int64]
    confusion: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=1000)
    worlds = parser.parse_args().worlds
    print("tiles    effect  scenes  drawn scenes  drawn tiles")
    for sizes, spread in SPREADS.items():
        for effect in (0.3, 0.8):
            truth = true_score(spread, effect)
            for scenes in (7, 10, 20, 40):
                hits = coverage(scenes, spread, effect, truth, worlds)
                print(
                    f"{sizes:8s} {effect:6} {scenes:7} {hits[0]:13.1%} {hits[1]:12.1%}", flush=True
                )


def coverage(
    scenes: int, spread: float, effect: float, truth: float, worlds: int
) -> NDArray[np.float64]:
    """Shares of the worlds whose interval holds the truth, by scenes and by tiles."""
    hits = np.zeros(2)
    for seed in range(worlds):
        world = made(scenes, spread, effect, np.random.default_rng([scenes, seed]))
        names = np.arange(len(world.scenes)).astype(np.str_)
        counts = PixelTally(names, world.confusion, None, world.scenes.astype(np.str_))
        by_scene = Tally(counts, CLASSES)
        by_tile = Tally(replace(counts, scenes=None), CLASSES)
        draws = (
            scene_resamples(by_scene.scenes.tolist(), seed, DRAWS),
            resamples(len(names), seed, DRAWS),
        )
        for row, (tally, weights) in enumerate(zip((by_scene, by_tile), draws, strict=True)):
            found = interval(bootstrap([tally], "mIoU", weights))
            hits[row] += found is not None and found[0] <= truth <= found[1]
    return hits / worlds


def true_score(spread: float, effect: float) -> float:
    """mIoU of very many scenes."""
    rng = np.random.default_rng(99)
    total = sum(made(1000, spread, effect, rng).confusion.sum(axis=0) for _ in range(20))
    counts = np.asarray(total, np.float64)
    right = np.diagonal(counts)
    return float((right / (counts.sum(axis=0) + counts.sum(axis=1) - right)).mean())


def made(scenes: int, spread: float, effect: float, rng: np.random.Generator) -> World:
    """Scenes with an effect on the shares of classes, and on how well each is found."""
    tiles = np.full(scenes, 20)
    if spread:
        tiles = np.clip(np.round(np.exp(rng.normal(np.log(12), spread, scenes))), 1, 150)
    of_tile = np.repeat(np.arange(scenes), tiles.astype(int))
    classes = len(CLASSES)

    def varied(width: int) -> NDArray[np.float64]:
        return effect * rng.normal(size=(scenes, width))[of_tile]

    logits = USUAL + varied(classes) + rng.normal(size=(len(of_tile), classes))
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    ease = 1.2 + np.array([0.8, 0.0, -0.8]) + varied(1) + 0.5 * varied(classes)
    right = expit(ease + 0.7 * rng.normal(size=(len(of_tile), 1)))
    confused = np.exp(USUAL) * (1 - np.eye(classes))
    confused /= confused.sum(axis=1, keepdims=True)
    found = right[..., None] * np.eye(classes) + (1 - right)[..., None] * confused
    return World(of_tile, np.rint(PIXELS * shares[..., None] * found).astype(np.int64))


if __name__ == "__main__":
    main()
