"""Run directories made of a few words a trial, for what is computed from many of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import analysis


def trial(arm: dict[str, Any], score: float | None, **more: Any) -> dict[str, Any]:
    """What tells one trial from another; ``more`` are keys of its ``trial.json``."""
    return {"arm": arm, "score": score, **more}


def make_run(
    folder: Path, trials: Sequence[dict[str, Any]], tune: dict[str, Any] | None = None, **info: Any
) -> analysis.Run:
    """Write a run of these trials, and read it.

    Args:
        trials: what ``trial`` gives; ``config`` holds the tuned values.
        tune: that of ``sweep.yaml``.
        info: keys of ``run.json``.
    """
    arms = [json.loads(text) for text in dict.fromkeys(json.dumps(one["arm"]) for one in trials)]
    record = {
        "name": "made",
        "task": "segmentation",
        "metric": "mIoU",
        "metrics": ["mIoU"],
        "sample": False,
        "seed": 0,
        "factors": list(arms[0]) if arms else [],
        "arms": arms,
        "skipped": [],
        "data": {"name": "landcoverai"},
    }
    for number, one in enumerate(trials):
        name = f"{number:03d}-{'-'.join(map(str, one['arm'].values()))}"
        rows = [{"epoch": 1, "mIoU": one["score"], "seconds": 1.0}]
        defaults = {
            "number": number,
            "name": name,
            "tuned": list(one.get("config", {})),
            "status": "failed" if one["score"] is None else "done",
            "reason": None,
            "epochs": rows,
            "best_epoch": None if one["score"] is None else 1,
            "seconds": 1.0,
        }
        file = folder / "trials" / name / "trial.json"
        file.parent.mkdir(parents=True)
        config = {**one["arm"], **one.get("config", {})}
        file.write_text(json.dumps({**defaults, **one, "config": config}))
    (folder / "run.json").write_text(json.dumps(record | info))
    (folder / "sweep.yaml").write_text(json.dumps({"tune": tune or {}}))  # JSON is YAML
    return analysis.load(folder)
