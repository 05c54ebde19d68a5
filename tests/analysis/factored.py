"""Run directories whose factors have known effects on what is tallied on test."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import analysis
from models.metrics.confusion import pixel_scores
from runs.arms import Scalar
from runs.factory import trial_record
from runs.records import TestRecord, TrialRecord
from runs.tallies import PixelTally, write_tally
from tests.analysis.made import make_run, trial

CLASSES = ("background", "water")

Values = Mapping[str, Scalar]


def factored_run(
    folder: Path,
    arms: Sequence[Values],
    quality: Callable[[Values], float],
    images: int = 40,
    seeds: int = 0,
    config: dict[str, Any] | None = None,
    **run: Any,
) -> analysis.Run:
    """A tested run: of the pixels of each image, about the share `quality` is found right.

    Images are of different difficulty, the same for all arms, and the truth is the same in all
    runs. `seeds`: repeats of each arm; `config`: of all trials; `run`: keys of `run.json`.
    """
    trials = [trial(dict(arm), quality(arm) - 0.001 * at, config) for at, arm in enumerate(arms)]
    data = {"counts": {"train": 1200, "val": 60, "test": images}, "classes": list(CLASSES[1:])}
    data |= run.pop("data", {})
    made = make_run(folder, trials, data=data, **run)
    tested: list[TrialRecord] = []
    for at, of in enumerate(made.directory.trials()):
        tested.append(of)
        for seed in range(1, seeds + 1):
            repeat = trial_record(
                1000 * at + seed, of.arm, of.score, of=of, config=of.config | {"seed": seed}
            )
            made.directory.write_training(repeat)
            tested.append(repeat)
    scores = {}
    for at, training in enumerate(tested):
        counts = found_pixels(quality(training.arm), images, at)
        names = np.array([f"tile{number:03d}" for number in range(images)])
        write_tally(made.directory.tally_file(training), PixelTally(names, counts, None))
        found = float(pixel_scores(counts.sum(axis=0), CLASSES)["mIoU"])
        scores[training.name] = {"mIoU": found, "latency_ms": 5.0 + at}
    made.directory.write_test(TestRecord(scores=scores))
    return analysis.load(folder)


def found_pixels(quality: float, images: int, seed: int) -> np.ndarray:
    """Confusion [N, 2, 2] of images whose truth and difficulty do not depend on `seed`."""
    fixed, own = np.random.default_rng(0), np.random.default_rng(seed)
    truth = fixed.integers(2000, 4000, (images, 2))
    difficulty = fixed.normal(0, 0.05, (images, 1))
    share = np.clip(quality + difficulty + own.normal(0, 0.01, (images, 2)), 0, 1)
    right = np.round(truth * share).astype("int64")
    counts = np.zeros((images, 2, 2), "int64")
    counts[:, [0, 1], [0, 1]] = right
    counts[:, [0, 1], [1, 0]] = truth - right
    return counts
