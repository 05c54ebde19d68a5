"""Run directories whose test scores come from tallies, as a sweep leaves them."""

from pathlib import Path

import analysis
from models.metrics.average_precision import average_precision
from models.metrics.matching import box_matches
from runs.directory import RunDirectory
from runs.records import TestRecord
from runs.tallies import write_tally
from tests.coco_reference import random_pairs, random_truths


def tally_detections(
    folder: Path, images: int = 40, seed: int = 0, errors: dict[str, float] | None = None
) -> analysis.Run:
    """Give all that `test.json` lists tallies of one test set, and the scores they have.

    `errors`: px a coordinate of the boxes of a trial and its repeats; otherwise 2.
    """
    directory = RunDirectory(folder)
    truths = random_truths(seed, images, classes=1)
    names = [f"image{number}" for number in range(images)]
    scores = {}
    for number, (name, tested) in enumerate(directory.test().scores.items()):
        error = next((px for trial, px in (errors or {}).items() if name.startswith(trial)), 2)
        tally = box_matches(names, random_pairs(truths, 1000 * seed + number, error), classes=1)
        write_tally(directory.tally_file(directory.training(name)), tally)
        found = average_precision(tally)
        scores[name] = tested | {metric: found[metric] for metric in ("AP50", "AP")}
    directory.write_test(TestRecord(scores=scores))
    return analysis.load(folder)
