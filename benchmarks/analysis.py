"""How long the analysis takes of large sweeps: synthetic run directories, and commands on them.

    python benchmarks/analysis.py --trials 100 1000 10000

Each run is of a segmentation sweep: 8 arms, 4 searched hyperparameters, 50 epochs a trial of 30
numbers each, 9 repeats, and tallies of 200 test images. Prints what `load`, `rank` and `report`
take as processes of their own, imports included: seconds of one core, multiples of what
`json.loads` alone takes for the same files, and memory. The files are in the page cache, for they
were just written. 10,000 trials fill 650 MB of the temporary folder.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

ROOT = Path(__file__).resolve().parent.parent

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

#: What is timed, each in a process of its own that gets the run directory as its last argument.
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


def write_run(run: Path, trials: int, rng: np.random.Generator) -> None:
    """A run directory as a finished sweep leaves it, but for weights."""
    records = [trial(number, rng) for number in range(trials)]
    winners = best_of_arms(records)
    repeats = [repeat(winner, seed, rng) for winner in winners[:3] for seed in (1, 2, 3)]
    for kind, ended in (("trials", records), ("repeats", repeats)):
        for record in ended:
            write(run / kind / record["name"] / "trial.json", record)
    write(run / "run.json", run_info(trials))
    write(run / "sweep.yaml", {"tune": TUNE})  # JSON is YAML
    test = {}
    for record in (*winners, *repeats):
        confusion = confusions(record["score"], rng)
        test[record["name"]] = scores(confusion.sum(0)) | {"latency_ms": 7.5}
        kind = "trials" if record["of"] is None else "repeats"
        np.savez_compressed(
            run / kind / record["name"] / "test.npz", names=NAMES, confusion=confusion
        )
    write(run / "test.json", test)


def trial(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """One trial, which held slot ``number % SLOTS``; one in fifty failed."""
    arm = ARMS[number % len(ARMS)]
    lr, decay = 10 ** rng.uniform(-5, -2), 10 ** rng.uniform(-4, -1)
    config = {
        **{"number": number, **arm, "lr": lr, "weight_decay": decay},
        **{"batch_size": int(rng.choice([4, 8, 16])), "label_smoothing": rng.uniform(0, 0.2)},
        **{"head": "fpn", "optimizer": "adamw", "epochs": EPOCHS, "augment": True, "seed": 0},
    }
    epochs = curve(number, ceiling=0.7 - 0.1 * abs(np.log10(lr) + 3.5), rng=rng)
    failed = number % 50 == 49
    best = max(epochs, key=lambda epoch: epoch["mIoU"])
    return {
        "number": number,
        "name": f"{number:03d}-{'-'.join(arm.values())}",
        "arm": arm,
        "config": config,
        "tuned": list(TUNE),
        "status": "failed" if failed else "done",
        "reason": "its worker died" if failed else None,
        "epochs": epochs,
        "score": None if failed else best["mIoU"],
        "best_epoch": None if failed else best["epoch"],
        "seconds": sum(epoch["seconds"] for epoch in epochs),
        "device": "cpu",
        "architecture": f"{number % len(ARMS):016x}",
        "parameters": int(BACKBONES[arm["backbone"]]),
        "of": None,
    }


def repeat(winner: dict[str, Any], seed: int, rng: np.random.Generator) -> dict[str, Any]:
    """A winner, trained again."""
    again = {"number": seed, "name": f"{winner['name']}-seed{seed}", "of": winner["name"]}
    epochs = curve(seed, winner["score"], rng)
    best = max(epochs, key=lambda epoch: epoch["mIoU"])
    config = winner["config"] | {"number": seed, "seed": seed}
    scored = {"epochs": epochs, "score": best["mIoU"], "best_epoch": best["epoch"]}
    return winner | again | scored | {"config": config}


def curve(number: int, ceiling: float, rng: np.random.Generator) -> list[dict[str, float]]:
    """Learning curves that rise to ``ceiling``, a dict an epoch, of 30 numbers and the time."""
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


def best_of_arms(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The best trial of each arm, best first."""
    scored = sorted(
        (record for record in records if record["score"] is not None),
        key=lambda record: record["score"],
    )
    winners = {tuple(record["arm"].values()): record for record in scored}
    return sorted(winners.values(), key=lambda record: -record["score"])


def run_info(trials: int) -> dict[str, Any]:
    """``run.json``."""
    bands = 3
    return {
        "name": f"synthetic_{trials}",
        "task": "segmentation",
        "metric": "mIoU",
        "metrics": list(METRICS),
        "sample": True,
        "seed": 0,
        "factors": list(ARMS[0]),
        "arms": list(ARMS),
        "skipped": [],
        "repeats": {"top": 3, "seeds": 3},
        "budget": {"trials": trials, "epochs": EPOCHS, "pretraining_epochs": 50, "hours": None},
        "cost": {"usd_per_hour": 2.0},
        "references": None,
        "slots": {"count": SLOTS, "cpu": 1, "gpu": 0.25, "per_machine": 4},
        "lag": SLOTS,
        "data": {
            "name": "synthetic",
            "fingerprint": "0" * 64,
            "counts": {"train": 1600, "val": 200, "test": IMAGES},
            "classes": list(CLASSES),
            "labels": ["masks"],
            "skipped_files": [],
            "bands": ["red", "green", "blue"],
            "rgb": [0, 1, 2],
            "image_size": 256,
            "window": [256, 256],
            "dtype": "uint8",
            "stretch": [[0] * bands, [255] * bands],
            "mean": [0.5] * bands,
            "std": [0.2] * bands,
            "class_pixels": [1_000_000] * (len(CLASSES) + 1),
            "class_areas": [100] * (len(CLASSES) + 1),
            "cache": "",
            "root": None,
        },
        "weights": {"-".join(arm.values()): None for arm in ARMS},
        "started": "2026-01-01T00:00:00+00:00",
        "resumed": [],
        "command": "benchmarks/analysis.py",
        "versions": {"python": "3.11"},
        "git": None,
    }


def write(file: Path, content: dict[str, Any]) -> None:
    """JSON as a sweep writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(to_json(content, indent=1))  # json.dumps takes ten times as long


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
            write_run(run, trials, np.random.default_rng(0))
            measured = {name: measure([*work, str(run)]) for name, work in WORK.items()}
            for name, (seconds, gigabytes) in measured.items():
                ratio = seconds / measured["json.loads"][0]
                print(f"{trials:6}  {name:10} {seconds:8.1f} {ratio:14.2f} {gigabytes:6.2f}")
            megabytes = (run / "report.html").stat().st_size / 1e6
            print(f"{trials:6}  report.html of {megabytes:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
