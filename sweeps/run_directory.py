"""Starting a run directory: whether it may be used, and what a run can be rebuilt from."""

import importlib.metadata
import io
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from datasets import open_split
from datasets.seen import scaling_of
from models.backbones import source_and_name
from runs.directory import RunDirectory
from runs.errors import first_fault
from runs.files import write_text
from runs.records import DataRecord, Machine, RunRecord
from sweeps.check import values_of
from sweeps.commands import ROOT
from sweeps.differences import differences
from sweeps.faults import SweepError
from sweeps.plan import Plan
from sweeps.schema import Sweep
from sweeps.space import settings_of

PACKAGES = (
    "ray",
    "optuna",
    "torch",
    "torchvision",
    "timm",
    "segmentation-models-pytorch",
    "scikit-image",
    "numpy",
    "scipy",
    "rasterio",
    "shapely",
    "h5py",
    "pillow",
)
"""Those of requirements.txt on which the result of a run may depend."""

FREE: dict[str, Any] = {
    "budget": {"trials", "hours"},
    "repeats": True,
    "cost": True,
    "references": True,
    "resources": True,
    "retries": True,
    "stall_minutes": True,
    "cluster": True,
    "track": True,
    "storage": True,
}
"""What of a sweep may change when a run is resumed; its trials can only become more."""


def check_run_directory(directory: RunDirectory, sweep: Sweep, resume: bool) -> list[str]:
    """Check that the run directory is new or, to `resume`, that it holds a run of this sweep.

    Returns:
        What differs from the sweep that the run was started with, of what may: a line a key.

    Raises:
        SweepError: it is not; the message says what to do.
    """
    run, kept = directory.path, directory.sweep_file
    if not kept.exists() and run.exists() and any(run.iterdir()):
        raise SweepError(
            f"{run} is not empty and holds no run: clear it, or choose another folder with "
            "--results DIR"
        )
    if resume and not kept.exists():
        raise SweepError(f"{run} holds no run to resume: leave out --resume to start one")
    if not kept.exists():
        return []
    if not resume:
        raise SweepError(
            f"{run} holds a run already: resume it with --resume, choose another folder with "
            "--results DIR or another name with name=NAME, or delete it"
        )
    before = _sweep_in(kept)
    if changed := differences(_values(before, exclude=FREE), _values(sweep, exclude=FREE)):
        lines = "".join(f"\n  {line}" for line in changed)
        raise SweepError(
            f"{run} was started with another sweep; what differs cannot change when a run is "
            f"resumed: undo it, or start a new run with name=NAME{lines}"
        )
    if sweep.budget.trials < before.budget.trials:
        raise SweepError(
            f"budget.trials: {before.budget.trials} → {sweep.budget.trials}: a resumed run cannot "
            f"have fewer trials than {run} was started with"
        )
    return differences(_values(before), _values(sweep))


def _sweep_in(file: Path) -> Sweep:
    """The sweep that a run was started with."""
    try:
        return Sweep.model_validate(YAML(typ="safe").load(file))
    except YAMLError as error:
        problem = str(error).strip().splitlines()[0]
    except ValidationError as error:
        problem = first_fault(error)
    raise SweepError(f"{file} is damaged ({problem}): restore it, or start a new run")


def _values(sweep: Sweep, exclude: Mapping[str, Any] = {}) -> dict[str, Any]:
    return sweep.model_dump(mode="json", exclude={"on_sample": True, **exclude})


def begin_run_directory(
    plan: Plan, command: str, file: Path | None = None, overrides: Sequence[str] = ()
) -> None:
    """Write what the run can be rebuilt from: the resolved sweep, the data, the versions.

    Args:
        command: that was typed.
        file, overrides: what the sweep was read from; None if from no file.
    """
    sweep, directory = plan.sweep, plan.directory
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = directory.run() if directory.begun() else None
    record = RunRecord.model_validate(
        {
            "name": sweep.name,
            "task": sweep.task,
            "metric": sweep.metric,
            "metrics": plan.metrics,
            "metric_over": sweep.metric_over,
            "deterministic": sweep.deterministic,
            "sample": sweep.uses_sample,
            "seed": sweep.seed,
            "factors": tuple(sweep.compare),
            "arms": plan.arms,
            "skipped": plan.skipped,
            "probes": plan.probes,
            "weights": [stage and f"{stage.name}-{stage.key}" for stage in plan.starts.values()],
            "licences": plan.licences,
            "tune": {name: domain.model_dump() for name, domain in sweep.tune.items()},
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
            "parallel": sweep.search.parallel,
            "costs": [plan.costs[arm] for arm in plan.arms],
            "predicted": plan.predicted,
            "data": _data_record(plan),
            "started": before.started if before else now,
            "resumed": (*before.resumed, now) if before else (),
            "command": command,
            "file": before.file if before else str(file.resolve()) if file else "",
            "overrides": overrides,
            "machine": _machine(),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _packages(plan)},
            },
            "git": git_revision(),
        }
    )
    resolved = io.StringIO()
    YAML(typ="rt").dump(sweep.model_dump(mode="json", exclude={"on_sample"}), resolved)
    directory.path.mkdir(parents=True, exist_ok=True)
    write_text(directory.sweep_file, resolved.getvalue())
    directory.write_run(record)


def _packages(plan: Plan) -> list[str]:
    """Names of the packages that shape the result, with those of the backbones' sources."""
    used = {settings_of(plan.sweep, arm).backbone for arm in plan.arms}
    sources = {source_and_name(backbone)[0].package for backbone in used}
    return list(dict.fromkeys([*PACKAGES, *sorted(sources)]))


def _data_record(plan: Plan) -> DataRecord:
    data, root = plan.data, plan.sweep.dataset.root
    training = open_split(data, "train")
    return DataRecord.model_validate(
        {
            "name": plan.sweep.dataset.name,
            "root": root and str(root.resolve()),
            "cache": str(data.folder.resolve()),
            "fingerprint": data.fingerprint,
            "counts": data.counts,
            "classes": data.classes,
            "colours": data.colours,
            "class_pixels": data.class_pixels["train"],
            "class_areas": data.class_areas["train"],
            "class_images": data.class_images.get("train", ()),
            "multi_label": data.multi_label,
            "labels": sorted(data.labels),
            "bands": data.bands,
            "spectrum": [band._asdict() for band in data.spectrum],
            "rgb": data.rgb,
            "image_size": data.image_size,
            "window": np.median(training.sizes, axis=0).astype(int).tolist(),
            "dtype": str(training.images.dtype),
            "stretch": None if training.stretch is None else training.stretch.tolist(),
            "mean": training.mean.tolist(),
            "std": training.std.tolist(),
            "nodata": plan.sweep.dataset.nodata,
            "groups": data.groups,
            "scalings": {
                stretch: scaling_of(data, stretch)._asdict()
                for _, stretch in values_of(plan.sweep, "stretch")
                if stretch is not None
            },
            "skipped_files": [(str(file), reason) for file, reason in data.skipped],
        }
    )


def _machine() -> Machine:
    """The machine that the command runs on."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Machine(processor=_processor(), cores=os.cpu_count() or 1, gpus=tuple(gpus))


def _processor() -> str:
    """The model name of the processor: of Linux's list if it has one, or of the platform."""
    listed = Path("/proc/cpuinfo")
    for line in listed.read_text().splitlines() if listed.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


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
