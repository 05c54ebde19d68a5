import json
from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.report import write_report
from tests.analysis.made import make_run, trial
from tests.analysis.report.reading import Page, read

CLASSES = ("background", "water", "road")
ARMS = [{"head": head, "loss": loss} for head in ("fpn", "unet") for loss in ("dice", "focal")]
IMAGES = 24


def reported(run: Path) -> Page:
    """The report of a run, written and read."""
    return read(write_report(analysis.load(run)).read_text())


@pytest.fixture(scope="session")
def page(segmented: Path) -> Page:
    """The report of ``segmented``."""
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
    make_run(
        folder,
        trials,
        tune={"lr": {"log_uniform": [1e-4, 0.1]}},
        metrics=metrics,
        repeats={"top": 2, "seeds": 3},
        cost={"usd_per_hour": 3.6},
        slots={"count": 2, "cpu": 1, "gpu": 0.0, "per_machine": 2},
        data={"name": "landcoverai", "counts": {"train": 9, "val": 5, "test": IMAGES}},
        command="python tune_main.py water.yaml",
        versions={"torch": "2.15"},
        git="f00d",
    )
    for of in sorted(folder.glob("trials/00[01]-*")):
        record = json.loads((of / "trial.json").read_text())
        for seed in (1, 2, 3):
            name = f"{of.name}-seed{seed}"
            changes = {"name": name, "of": of.name, "config": {**record["config"], "seed": seed}}
            repeat = folder / "repeats" / name / "trial.json"
            repeat.parent.mkdir(parents=True)
            repeat.write_text(json.dumps(record | changes | {"score": record["score"] - seed / 50}))
    for file in [*folder.glob("trials/00[0-3]-*"), *folder.glob("repeats/*")]:
        truth = rng.integers(50, 400, (IMAGES, 3, 1))
        quality = 0.8 if "dice" in file.name else 0.5
        confusion = (truth * (np.eye(3) * quality + (1 - quality) / 3)).astype("int64")
        confusion += rng.integers(0, 30, confusion.shape)
        names = np.array([f"tile{at}" for at in range(IMAGES)])
        np.savez(file / "test.npz", names=names, confusion=confusion)
    _write_test(folder, metrics)
    return folder


def _write_test(folder: Path, metrics: list[str]) -> None:
    (folder / "test.json").write_text("{}")
    run = analysis.load(folder)
    scores = {
        file.parent.name: {
            metric: float(analysis.read_tally(run, file.parent.name).scores(metric)[0])
            for metric in metrics
        }
        for file in sorted(folder.glob("*/*/test.npz"))
    }
    (folder / "test.json").write_text(json.dumps(scores))
