"""Every study that is shipped runs from its file, on its sample, with less of everything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs.directory import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "sweeps").glob("*.yaml"))
LESS = (
    "budget={trials: 1, epochs: 1, pretraining_epochs: 1}",
    "scheduler={name: none}",
    "allocation=adaptive",
    "dataset.image_size=64",
    "repeats=null",
    "resources.cpu=2",
)
# What besides keeps a study from taking minutes; a new one needs no entry.
FEWER_ARMS = {
    "landslide_backbones": ("compare={backbone: [resnet18], pretraining: [mae]}",),
    "landslide_paper": ("compare.model=[resnet18-mae]",),
    "landcover_swin": ("compare.backbone=[resnet18]",),
    "buildings_hypercolumn": (
        "compare={backbone: [vgg11], layers: [before_pooling]}",
        "fixed.pretraining=scratch",
        "fixed.pixel_epochs=1",
        "dataset.tile=512",
        "dataset.image_size=32",
    ),
    "spacenet_finetune": ("weights.source.dataset.image_size=64",),
}
TIMEOUT_S = 900


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda file: file.stem)
def test_study_runs_from_its_file(study: Path, tmp_path: Path, cache: Path) -> None:
    command = ["tune_main.py", str(study), *LESS, *FEWER_ARMS.get(study.stem, ())]
    ended = subprocess.run(
        [sys.executable, *command, f"--results={tmp_path}", f"--cache={cache}"],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    directory = RunDirectory(tmp_path / study.stem)
    run = directory.run()
    assert run.sample
    (trial,) = directory.trials()
    assert trial.status == "done"
    (scores,) = directory.test().scores.values()
    assert run.metrics[0] in scores
