import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import analysis

FACTORS = ["backbone", "pretraining"]
SWIN = {"backbone": "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k", "pretraining": "mae"}
RESNET = {"backbone": "resnet18", "pretraining": "imagenet"}
VIT = {"backbone": "vit_small_patch16_dinov3.lvd1689m", "pretraining": "distillation"}
UNTRIED = {"backbone": "efficientnet_b0", "pretraining": "mae"}
SKIPPED = {"backbone": "efficientnet_b0", "pretraining": "distillation"}

#: number, arm, status, reason, (AP50, AP) an epoch, seconds, has a score. Swin and ResNet share
#: the best AP50 (0.5): the sweep lists Swin first, the alphabet does not. By AP, ResNet leads, and
#: with another trial. The diverged trial's last epoch would be its best, had it been a number.
TRIALS: list[tuple[int, dict[str, str], str, str | None, list[tuple[Any, Any]], float, bool]] = [
    (0, SWIN, "done", None, [(0.2, 0.1), (0.5, 0.2), (0.4, 0.35)], 30.0, True),
    (1, RESNET, "done", None, [(0.3, 0.1), (0.5, 0.15)], 12.5, True),
    (2, VIT, "failed", "CUDA out of memory [1.2 GiB]", [(0.9, 0.9)], 3.0, False),
    (3, SWIN, "pruned", None, [(0.1, 0.05)], 9.0, True),
    (4, RESNET, "diverged", "the loss is nan", [(0.4, 0.36), (None, None)], 14.0, True),
    (5, RESNET, "running", None, [(0.48, 0.2)], 6.0, True),
]


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run directory of six trials, whose ranking is known by hand."""
    folder = tmp_path / "results" / "landslide_backbones"
    write(
        folder / "run.json",
        {
            "name": "landslide_backbones",
            "task": "detection",
            "metric": "AP50",
            "metrics": ["AP50", "AP"],
            "sample": True,
            "seed": 0,
            "factors": FACTORS,
            "arms": [SWIN, RESNET, VIT, UNTRIED],
            "skipped": [{"arm": SKIPPED, "reason": "no teacher weights"}],
            "data": {"name": "landslide4sense", "fingerprint": "c0ffee"},
            "versions": {"torch": "2.0"},
        },
    )
    for number, arm, status, reason, scores, seconds, scored in TRIALS:
        name = f"{number:03d}-{arm['backbone']}-{arm['pretraining']}"
        best = max((ap50, -epoch) for epoch, (ap50, _) in enumerate(scores, 1) if ap50 is not None)
        write(
            folder / "trials" / name / "trial.json",
            {
                "number": number,
                "name": name,
                "arm": arm,
                "config": {**arm, "lr": 10.0**-number, "loss_weights.roi_box": 1.5, "seed": 0},
                "tuned": ["lr", "loss_weights.roi_box"],
                "status": status,
                "reason": reason,
                "epochs": [
                    {"epoch": epoch, "AP50": ap50, "AP": ap, "loss": 1.0}
                    for epoch, (ap50, ap) in enumerate(scores, 1)
                ],
                "score": best[0] if scored else None,
                "best_epoch": -best[1] if scored else None,
                "seconds": seconds,
            },
        )
    swin, resnet = (
        f"00{i}-{a['backbone']}-{a['pretraining']}" for i, a in enumerate((SWIN, RESNET))
    )
    write(
        folder / "test.json", {swin: {"AP50": 0.44, "AP": 0.21}, resnet: {"AP50": 0.47, "AP": 0.2}}
    )
    return folder


#: Number of the trial and AP50 by seed (1, 2, 3) of its repeats. ResNet leads by their mean.
REPEATS = {0: (0.4, 0.5, 0.6), 1: (0.45, 0.55, 0.65)}


@pytest.fixture
def repeated(folder: Path) -> Path:
    """The same run, after trials 0 and 1 were trained again under three other seeds."""
    tested = json.loads((folder / "test.json").read_text())
    for of, scores in REPEATS.items():
        (file,) = folder.glob(f"trials/{of:03d}-*/trial.json")
        trial = json.loads(file.read_text())
        for seed, score in enumerate(scores, 1):
            name = f"{trial['name']}-seed{seed}"
            changes = {
                "number": 100 * of + seed,
                "name": name,
                "of": trial["name"],
                "config": trial["config"] | {"seed": seed},
                "status": "done",
                "epochs": [{"epoch": 1, "AP50": score, "AP": score / 2, "seconds": 5.0}],
                "score": score,
                "best_epoch": 1,
                "seconds": 5.0,
                "parameters": 11_000_000,
            }
            write(folder / "repeats" / name / "trial.json", trial | changes)
            tested[name] = {"AP50": score - 0.05, "AP": score / 2 - 0.05, "latency_ms": 7.5}
    write(folder / "test.json", tested)
    write(
        folder / "run.json",
        json.loads((folder / "run.json").read_text()) | {"repeats": {"top": 2, "seeds": 3}},
    )
    return folder


@pytest.fixture
def changed(folder: Path) -> Callable[..., analysis.Run]:
    """`changed(key=value, …)`: the run, read after these keys of run.json were set."""

    def change(**keys: Any) -> analysis.Run:
        file = folder / "run.json"
        write(file, json.loads(file.read_text()) | keys)
        return analysis.load(folder)

    return change
