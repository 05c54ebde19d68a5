from itertools import product
from pathlib import Path

import numpy as np
import pytest

import analysis
from runs.records import TestRecord
from runs.tallies import PixelTally, write_tally
from runs.winner import rank_records
from tests.analysis.made import SLOTS, Made, make_run, trial

START = 1_795_000_000.0
CLASSES = ["background", "building", "water"]
TUNE = {"lr": {"log_uniform": [1e-4, 1e-2]}, "optimizer": {"choice": ["adamw", "sgd"]}}


def searched(count: int, backbones: int = 2, epochs: int = 3) -> list[Made]:
    """Trials of twice as many arms, one after another in each of two slots."""
    rng = np.random.default_rng(0)
    names = [f"backbone{at}_patch16" for at in range(backbones)]
    arms = list(product(names, ["mae", "imagenet"]))
    made = []
    for at in range(count):
        backbone, start = arms[at % len(arms)]
        config = {"lr": float(10 ** rng.uniform(-4, -2)), "optimizer": ["adamw", "sgd"][at % 2]}
        scores = np.sort(rng.random(epochs)) / 2 + 0.1 * (at % len(arms)) / len(arms)
        rows = [
            {"epoch": e, "mIoU": float(s), "seconds": 9.0, "time": START + 30 * (at // 2) + 10 * e}
            for e, s in enumerate(scores, 1)
        ]
        made.append(
            trial(
                {"backbone": backbone, "pretraining": start},
                float(scores[-1]),
                config=config,
                epochs=rows,
                best_epoch=epochs,
                seconds=27.0,
                parameters=10**7 * (1 + at % 3),
            )
        )
    return made


@pytest.fixture
def tested(tmp_path: Path) -> analysis.Run:
    """A segmentation of two dozen trials, tested with tallies, on the embedded sample."""
    metrics = ["mIoU", *(f"IoU/{name}" for name in CLASSES)]
    made = searched(24)
    for one in made:
        epochs = one.more["epochs"]
        one.more["epochs"] = [row | dict.fromkeys(metrics, row["mIoU"]) for row in epochs]
    run = make_run(
        tmp_path / "run",
        made,
        tune=TUNE,
        metrics=metrics,
        sample=True,
        slots=SLOTS | {"count": 2, "per_machine": 2},
        cost={"usd_per_hour": 3.0},
    )
    best = [standing.trial for standing in rank_records(run.directory.trials())]
    rng = np.random.default_rng(0)
    for trial_of_arm in best:
        counts = rng.integers(1, 50, (30, 3, 3)) + 100 * np.eye(3, dtype="int64")
        names = np.array([f"image{at}" for at in range(30)])
        write_tally(run.directory.tally_file(trial_of_arm), PixelTally(names, counts, None))
    scores = {one.name: {"mIoU": 0.4, "latency_ms": 5.0} for one in best}
    run.directory.write_test(TestRecord(scores=scores))
    return analysis.load(run.path)
