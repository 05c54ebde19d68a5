from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.report import write_report
from models.metrics.confusion import pixel_scores
from runs.factory import trial_record
from runs.records import TestRecord
from runs.tallies import PixelTally, write_tally
from tests.analysis.made import SLOTS, make_run, trial
from tests.analysis.report.reading import Page, read

CLASSES = ("background", "water", "road")
ARMS = [{"head": head, "loss": loss} for head in ("fpn", "unet") for loss in ("dice", "focal")]
IMAGES = 24


def reported(run: Path) -> Page:
    """The report of a run, written and read."""
    return read(write_report(analysis.load(run)).read_text())


@pytest.fixture(scope="session")
def page(segmented: Path) -> Page:
    """The report of `segmented`."""
    return reported(segmented)


@pytest.fixture(scope="session")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight trials of four arms, two with three repeats, all tallied; not to be changed."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("results") / "water"
    scores = [0.61, 0.52, 0.47, 0.33, 0.58, 0.54, 0.41, 0.3]
    trials = [
        trial(ARMS[at % 4], score, config={"lr": 0.01 / (at + 1)}, parameters=1000 * (at + 1))
        for at, score in enumerate(scores)
    ]
    metrics = ["mIoU", *(f"{kind}/{name}" for kind in ("IoU", "recall") for name in CLASSES)]
    run = make_run(
        folder,
        trials,
        tune={"lr": {"log_uniform": [1e-4, 0.1]}},
        metrics=metrics,
        repeats={"top": 2, "seeds": 3},
        budget={"trials": 8, "epochs": 1, "pretraining_epochs": 1, "hours": None},
        cost={"usd_per_hour": 3.6},
        slots=SLOTS | {"count": 2, "per_machine": 2},
        data={"counts": {"train": 9, "val": 5, "test": IMAGES}, "classes": CLASSES[1:]},
        command="python tune_main.py water.yaml",
        versions={"torch": "2.15"},
        git="f00d",
    )
    tested = run.directory.trials()[:4]
    for of in tested[:2]:
        for seed in (1, 2, 3):
            config = of.config | {"seed": seed}
            score = (of.score or 0) - seed / 50
            repeat = trial_record(10 * of.number + seed, of.arm, score, of=of, config=config)
            run.directory.write_training(repeat)
    scores = {}
    for training in (*tested, *run.directory.repeats()):
        truth = rng.integers(50, 400, (IMAGES, 3, 1))
        quality = 0.8 if training.arm["loss"] == "dice" else 0.5
        confusion = (truth * (np.eye(3) * quality + (1 - quality) / 3)).astype("int64")
        confusion += rng.integers(0, 30, confusion.shape)
        names = np.array([f"tile{at}" for at in range(IMAGES)])
        write_tally(run.directory.tally_file(training), PixelTally(names, confusion, None))
        found = pixel_scores(confusion.sum(axis=0), CLASSES)
        scores[training.name] = {metric: float(found[metric]) for metric in metrics}
    run.directory.write_test(TestRecord(scores=scores))
    return folder
