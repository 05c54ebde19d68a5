"""Run directories made of a few words a trial, for what is computed from many of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import analysis
from runs.arms import Scalar
from runs.factory import trial_record, write_run

SLOTS = {"count": 1, "cpu": 1, "gpu": 0.0, "per_machine": 1}


@dataclass
class Made:
    """What tells one trial from another.

    `more` are keys of its `trial.json`, `length` is how many epochs it may be trained.
    """

    arm: dict[str, Scalar]
    score: float | None
    config: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    length: int = 1


def trial(
    arm: dict[str, Scalar], score: float | None, config: dict[str, Any] | None = None, **more: Any
) -> Made:
    """A trial; `config` holds the tuned values."""
    return Made(arm, score, config or {}, more)


def stopped(
    arm: dict[str, Scalar],
    scores: Sequence[float],
    of: int = 6,
    metrics: Sequence[str] = ("mIoU",),
    **more: Any,
) -> Made:
    """A trial that was trained for these of its `of` epochs: finished, or else stopped early."""
    epochs = [{"epoch": at, **dict.fromkeys(metrics, one)} for at, one in enumerate(scores, 1)]
    given = {
        "status": "done" if len(scores) == of else "pruned",
        "epochs": epochs,
        "best_epoch": scores.index(max(scores)) + 1 if scores else None,
        "seconds": 10.0 * len(scores),
    }
    made = trial(arm, max(scores, default=None), **(given | more))
    made.length = of
    return made


def make_run(folder: Path, trials: Sequence[Made], **run: Any) -> analysis.Run:
    """Write a run of these trials, and read it; `run` are keys of `run.json`."""
    records = [
        trial_record(
            number,
            one.arm,
            one.score,
            config={"epochs": one.length, **one.config},
            tuned=list(one.config),
            **one.more,
        )
        for number, one in enumerate(trials)
    ]
    write_run(folder, records, **run)
    return analysis.load(folder)


def edit(file: Path, **changes: Any) -> None:
    """Set keys of a JSON file, which has no digest then, as of an earlier version."""
    content = json.loads(file.read_text()) | changes
    content.pop("digest", None)
    file.write_text(json.dumps(content))


def trial_file(folder: Path, number: int) -> Path:
    """`trial.json` of a trial."""
    (file,) = folder.glob(f"trials/{number:03d}-*/trial.json")
    return file
