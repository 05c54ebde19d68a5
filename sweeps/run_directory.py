"""The run directory: whose it is, and what a run can be rebuilt from."""

import contextlib
import importlib.metadata
import io
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from datasets import open_split
from sweeps.faults import SweepError
from sweeps.ledger import write_json, write_whole
from sweeps.plan import Plan, read_info
from sweeps.schema import Sweep
from sweeps.space import arm_label

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ray", "optuna", "torch", "torchvision", "timm", "numpy")


def check_run_directory(run: Path, sweep: Sweep, resume: bool) -> None:
    """Raise `SweepError` unless the run directory is new, or holds this sweep and is resumed."""
    kept = run / "sweep.yaml"
    if not kept.exists() and run.exists() and any(run.iterdir()):
        raise SweepError(f"{run} is not empty and holds no run: name another place, or clear it")
    if resume and not kept.exists():
        raise SweepError(f"{run} holds no run to resume; leave --resume out to start one")
    if not kept.exists():
        return
    if not resume:
        raise SweepError(
            f"{run} holds a run already: go on with it with --resume, give this one another "
            "place with --results DIR or another name with name=NAME, or delete the folder"
        )
    try:
        before = Sweep.model_validate(YAML(typ="safe").load(kept))
    except (YAMLError, ValidationError) as error:
        raise SweepError(f"{kept} is damaged and its run cannot be gone on with: {error}") from None
    then, now = _resumable(before), _resumable(sweep)
    if changed := [key for key in now if then[key] != now[key]]:
        raise SweepError(
            f"{run} was made with another {' and '.join(changed)}; a run is resumed as it was "
            "begun (only budget.trials may grow, and budget.hours, repeats, cost and references "
            f"change): see {kept}"
        )
    if sweep.budget.trials < before.budget.trials:
        raise SweepError(
            f"{run} was begun with {before.budget.trials} trials; resuming cannot lower that"
        )


def _resumable(sweep: Sweep) -> dict[str, Any]:
    """The sweep without what may change when a run is resumed."""
    free: dict[str, Any] = {
        "budget": {"trials", "hours"},
        "repeats": True,
        "cost": True,
        "references": True,
    }
    return sweep.model_dump(mode="json", exclude=free)


@contextlib.contextmanager
def exclusive(run: Path) -> Iterator[None]:
    """Keep other processes out of a run directory. SweepError: one is in it."""
    run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.parent / f".{run.name}.lock", timeout=0):
            yield
    except Timeout:
        raise SweepError(f"another process is running in {run}: wait for it") from None


def begin_run_directory(plan: Plan, command: str) -> None:
    """Write what the run can be rebuilt from: the resolved sweep, the data, the versions."""
    sweep = plan.sweep
    plan.run.mkdir(parents=True, exist_ok=True)
    resolved = io.StringIO()
    YAML(typ="rt").dump(sweep.model_dump(mode="json", exclude={"on_sample"}), resolved)
    write_whole(plan.run / "sweep.yaml", resolved.getvalue())
    write_json(
        plan.run / "run.json",
        {
            "name": sweep.name,
            "task": sweep.task,
            "metric": sweep.metric,
            "metrics": list(plan.metrics),
            "sample": sweep.uses_sample,
            "seed": sweep.seed,
            "factors": list(sweep.compare),
            "arms": plan.arms,
            "skipped": [{"arm": one.arm, "reason": one.reason} for one in plan.skipped],
            "budget": sweep.budget.model_dump(),
            "repeats": sweep.repeats and sweep.repeats.model_dump(),
            "cost": sweep.cost and sweep.cost.model_dump(),
            "references": sweep.references and sweep.references.model_dump(),
            "slots": {
                "count": plan.slots.count,
                "cpu": plan.slots.cpu,
                "gpu": plan.slots.gpu,
                "per_machine": plan.slots.per_machine,
            },
            "lag": plan.lag,
            "data": _data_record(plan),
            "weights": {arm_label(arm): _weights_record(plan, arm) for arm in plan.arms},
            **_times(plan.run),
            "command": command,
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in PACKAGES},
            },
            "git": git_revision(),
        },
    )


def _data_record(plan: Plan) -> dict[str, Any]:
    """The data learned from, and all that it takes to ask a model about other images."""
    data, root = plan.data, plan.sweep.dataset.root
    training = open_split(data, "train")
    return {
        "name": plan.sweep.dataset.name,
        "root": root and str(root.resolve()),
        "cache": str(data.folder.resolve()),
        "fingerprint": data.fingerprint,
        "counts": data.counts,
        "classes": data.classes,
        "class_pixels": data.class_pixels["train"],
        "class_areas": data.class_areas["train"],
        "labels": sorted(data.labels),
        "bands": data.bands,
        "rgb": data.rgb,
        "image_size": data.image_size,
        "window": np.median(training.sizes, axis=0).astype(int).tolist(),
        "dtype": str(training.images.dtype),
        "stretch": None if training.stretch is None else training.stretch.tolist(),
        "mean": training.mean.tolist(),
        "std": training.std.tolist(),
        "skipped_files": [[str(file), reason] for file, reason in data.skipped],
    }


def _times(run: Path) -> dict[str, Any]:
    """When the run was begun, and each time it was gone on with."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = read_info(run)
    if before is None:
        return {"started": now, "resumed": []}
    return {"started": before["started"], "resumed": [*before["resumed"], now]}


def _weights_record(plan: Plan, arm: Any) -> str | None:
    stage = plan.starts[arm_label(arm)]
    return f"{stage.name}-{stage.key}" if stage else None


def git_revision() -> str | None:
    """The commit of this code, with `+changes` if the tree differs from it; None outside git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return described.stdout.strip() or None


def command_line() -> str:
    """The command that was typed."""
    return shlex.join(["python", *sys.argv])
