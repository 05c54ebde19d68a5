"""Run directories whose test scores come from tallies, as a sweep leaves them."""

import json
from pathlib import Path

import numpy as np

import analysis
from models.metrics.box_matches import box_matches
from tests.coco_reference import random_pairs, random_truths


def tally_detections(
    folder: Path, images: int = 40, seed: int = 0, errors: dict[str, float] | None = None
) -> analysis.Run:
    """Give all that ``test.json`` lists tallies of one test set, and the scores they have.

    ``errors``: px a coordinate of the boxes of a trial and its repeats; otherwise 2.
    """
    truths = random_truths(seed, images, classes=1)
    names = np.array([f"image{number}" for number in range(images)])
    scores = json.loads((folder / "test.json").read_text())
    for number, name in enumerate(scores):
        error = next((px for trial, px in (errors or {}).items() if name.startswith(trial)), 2)
        matches = box_matches(random_pairs(truths, 1000 * seed + number, error), classes=1)
        parent = "repeats" if (folder / "repeats" / name).exists() else "trials"
        np.savez_compressed(folder / parent / name / "test.npz", names=names, **matches)
        tally = analysis.read_tally(analysis.load(folder), name)
        scores[name] |= {metric: float(tally.scores(metric)[0]) for metric in ("AP50", "AP")}
    (folder / "test.json").write_text(json.dumps(scores))
    return analysis.load(folder)
