"""How long the analysis takes of large sweeps: synthetic run directories, and commands on them.

    python benchmarks/analysis.py --trials 100 1000 10000

Each run is of a segmentation sweep: 8 arms, 4 searched hyperparameters, 50 epochs a trial of 30
numbers each, 9 repeats, and tallies of 200 test images. Prints what `load`, `rank` and `report`
take as processes of their own, imports included: seconds of one core, multiples of what
`json.loads` alone takes for the same files, and memory. The files are in the page cache,
because they were just written. 10,000 trials fill 650 MB of the temporary folder.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from runs.factory import trial_record, write_run  # noqa: E402
from runs.records import TrialRecord  # noqa: E402
from runs.tallies import PixelTally, write_tally  # noqa: E402
from runs.winner import rank_records  # noqa: E402

EPOCHS = 50
IMAGES = 200
SLOTS = 8
CLASSES = ("building", "woodland", "water", "road")
KINDS = ("IoU", "precision", "recall", "F1")
METRICS = (
    *("mIoU", "precision", "recall", "F1", "accuracy"),
    *(f"{kind}/{name}" for kind in KINDS for name in ("background", *CLASSES)),
)
LOSSES = ("loss", "loss/cross_entropy", "loss/dice")
NAMES = np.array([f"tile_{number:04d}" for number in range(IMAGES)])
BACKBONES = {"resnet18": 11e6, "efficientnet_b0": 5e6, "vit_tiny": 6e6, "swin_tiny": 28e6}
ARMS = tuple(
    {"backbone": backbone, "pretraining": pretraining}
    for backbone, pretraining in product(BACKBONES, ("imagenet", "mae"))
)
TUNE = {
    "lr": {"log_uniform": [1e-5, 1e-2]},
    "weight_decay": {"log_uniform": [1e-4, 1e-1]},
    "batch_size": {"choice": [4, 8, 16]},
    "label_smoothing": {"uniform": [0, 0.2]},
}

# What is timed, each in a process of its own that gets the run directory as its last argument.
WORK = {
    "json.loads": (
        "-c",
        "import json, pathlib, sys\n"
        "for file in pathlib.Path(sys.argv[1]).glob('*/*/*.json'): json.loads(file.read_bytes())",
    ),
    "load": ("-c", "import analysis, pathlib, sys; analysis.load(pathlib.Path(sys.argv[1]))"),
    "rank": ("-m", "analysis", "rank"),
    "report": ("-m", "analysis", "report"),
}


def write_sweep(folder: Path, trials: int, rng: np.random.Generator) -> None:
    """A run directory as a finished sweep leaves it, but for weights and predictions."""
    records = [trial(number, rng) for number in range(trials)]
    best = [standing.trial for standing in rank_records(records)]
    repeats = [
        repeat(3 * rank + seed, winner, seed + 1, rng)
        for rank, winner in enumerate(best[:3])
        for seed in range(3)
    ]
    tallies = {record.name: confusions(record.score or 0.0, rng) for record in (*best, *repeats)}
    directory = write_run(
        folder,
        [*records, *repeats],
        test={name: scores(one.sum(0)) for name, one in tallies.items()},
        name=f"synthetic_{trials}",
        metrics=METRICS,
        sample=True,
        arms=ARMS,
        tune=TUNE,
        repeats={"top": 3, "seeds": 3},
        budget={"trials": trials, "epochs": EPOCHS, "pretraining_epochs": 50, "hours": None},
        cost={"usd_per_hour": 2.0},
        slots={"count": SLOTS, "cpu": 1, "gpu": 0.25, "per_machine": 4},
        lag=SLOTS,
        data={"counts": {"train": 1600, "val": 200, "test": IMAGES}, "classes": CLASSES},
    )
    for record in (*best, *repeats):
        tally = PixelTally(NAMES, tallies[record.name], None)
        write_tally(directory.tally_file(record), tally)


def trial(number: int, rng: np.random.Generator) -> TrialRecord:
    """One trial, which held slot `number % SLOTS`; one in fifty failed."""
    arm = ARMS[number % len(ARMS)]
    lr, decay = 10 ** rng.uniform(-5, -2), 10 ** rng.uniform(-4, -1)
    config = {
        **{"number": number, "lr": lr, "weight_decay": decay},
        **{"batch_size": int(rng.choice([4, 8, 16])), "label_smoothing": rng.uniform(0, 0.2)},
        **{"head": "fpn", "optimizer": "adamw", "epochs": EPOCHS, "augment": "flips", "seed": 0},
    }
    epochs = curve(number, ceiling=0.7 - 0.1 * abs(np.log10(lr) + 3.5), rng=rng)
    failed = number % 50 == 49
    best = max(epochs, key=lambda epoch: epoch["mIoU"])
    return trial_record(
        number,
        arm,
        None if failed else best["mIoU"],
        config=config,
        tuned=list(TUNE),
        reason="its worker died" if failed else None,
        epochs=epochs,
        best_epoch=None if failed else best["epoch"],
        seconds=sum(epoch["seconds"] for epoch in epochs),
        parameters=int(BACKBONES[arm["backbone"]]),
    )


def repeat(number: int, winner: TrialRecord, seed: int, rng: np.random.Generator) -> TrialRecord:
    """A winner, trained again."""
    epochs = curve(number, winner.score or 0.0, rng)
    best = max(epochs, key=lambda epoch: epoch["mIoU"])
    return trial_record(
        number,
        winner.arm,
        best["mIoU"],
        of=winner,
        config=winner.config | {"seed": seed},
        epochs=epochs,
        best_epoch=best["epoch"],
        seconds=winner.seconds,
    )


def curve(number: int, ceiling: float, rng: np.random.Generator) -> list[dict[str, float]]:
    """Learning curves that rise to `ceiling`, a dict an epoch, of 30 numbers and the time."""
    epoch = np.arange(1, EPOCHS + 1)
    seconds = rng.uniform(15, 25, EPOCHS)
    risen = (1 - np.exp(-epoch / 8))[:, None]
    measured = ceiling * risen * rng.uniform(0.9, 1.0, (EPOCHS, len(METRICS)))
    losses = (2 - risen) * rng.uniform(0.9, 1.1, (EPOCHS, len(LOSSES)))
    start = 1.79e9 + number // SLOTS * 25 * EPOCHS
    times = np.stack([np.geomspace(1e-3, 1e-6, EPOCHS), seconds, start + seconds.cumsum()], 1)
    keys = (*LOSSES, *METRICS, "lr", "seconds", "time")
    rows = np.concatenate([losses, measured, times], 1).tolist()
    return [
        {"epoch": number} | dict(zip(keys, row, strict=True)) for number, row in enumerate(rows, 1)
    ]


def confusions(share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Confusion matrices of the test images, in which about this share of the pixels is right."""
    classes = len(CLASSES) + 1
    truth = rng.dirichlet(np.ones(classes), IMAGES)[:, :, None]
    rights = np.clip(rng.normal(share, 0.1, IMAGES), 0, 1)[:, None, None]
    shares = truth * (rights * np.eye(classes) + (1 - rights) / classes)
    pixels = rng.multinomial(256 * 256, shares.reshape(IMAGES, -1))
    return pixels.reshape(IMAGES, classes, classes)


def scores(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Every metric, of one confusion matrix (row truth, column found)."""
    right, truth, found = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    of_classes = {
        "IoU": right / (truth + found - right),
        "precision": right / found,
        "recall": right / truth,
        "F1": 2 * right / (truth + found),
    }
    means = [of_classes[kind].mean() for kind in KINDS]
    values = [*means, right.sum() / truth.sum(), *np.concatenate([*of_classes.values()])]
    return dict(zip(METRICS, map(float, values), strict=True))


def measure(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds of processor time, and gigabytes at its peak, of a Python process.

    Raises:
        SystemExit: it failed, and has said why.
    """
    child = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"python {' '.join(arguments)} ended with status {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20  # Linux counts kilobytes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000])
    options = parser.parse_args()
    print("trials  work              s   ÷ json.loads     GB")
    for trials in options.trials:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            write_sweep(run, trials, np.random.default_rng(0))
            measured = {name: measure([*work, str(run)]) for name, work in WORK.items()}
            for name, (seconds, gigabytes) in measured.items():
                ratio = seconds / measured["json.loads"][0]
                print(f"{trials:6}  {name:10} {seconds:8.1f} {ratio:14.2f} {gigabytes:6.2f}")
            megabytes = (run / "report.html").stat().st_size / 1e6
            print(f"{trials:6}  report.html of {megabytes:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
