"""Data as factors and two sources of backbones in one sweep, and a screen, as they are typed."""

import subprocess
import sys
from pathlib import Path

import pytest

import tune_main
from runs.directory import RunDirectory
from tests.own_rasters import images, masks

SWEEP = """\
name: factors
task: segmentation
metric: mIoU
dataset: {dataset}
compare: {compare}
fixed: {{pretraining: scratch, lr: 1.0e-3, batch_size: 4, head: linear}}
budget: {{trials: {trials}, epochs: 1}}
scheduler: {{name: none}}
resources: {{cpu: 1}}
{more}
"""
SOURCES = "[torchgeo/dofa_small_patch16_224, timm/vit_small_patch14_dinov2]"
SAMPLE = "{name: landslide4sense, image_size: 32, min_area: 2}"


def tuned(folder: Path, dataset: str, compare: str, trials: int, more: str = "") -> None:
    """In a process of its own: other tests may have started Ray."""
    text = SWEEP.format(dataset=dataset, compare=compare, trials=trials, more=more)
    (folder / "sweep.yaml").write_text(text)
    done = subprocess.run(
        [
            *(sys.executable, tune_main.__file__, folder / "sweep.yaml"),
            *(f"--results={folder / 'results'}", f"--cache={folder / 'cache'}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_bands_labels_and_sources_are_compared_in_one_sweep(tmp_path: Path) -> None:
    """On own rasters; the study `foundation_models` does so on a sample."""
    images(tmp_path / "data")
    masks(tmp_path / "data")
    dataset = f"{{name: raster, root: {tmp_path / 'data'}, image_size: 64}}"
    compare = f"{{backbone: {SOURCES}, bands: [rgb, all], train_fraction: [0.5, 1.0]}}"
    tuned(tmp_path, dataset, compare, trials=8)
    run = RunDirectory(tmp_path / "results" / "factors")
    assert [trial.status for trial in run.trials()] == ["done"] * 8
    assert len(run.test().scores) == 8
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert "What other bands add" in report and "Score against labels" in report


@pytest.mark.slow
def test_the_best_probes_of_a_screen_go_on(tmp_path: Path) -> None:
    compare = "{backbone: [test_vit, test_resnet]}"
    tuned(tmp_path, SAMPLE, compare, trials=2, more="screen: {keep: 1}")
    probes = RunDirectory(tmp_path / "results" / "factors-screen")
    run = RunDirectory(tmp_path / "results" / "factors")
    assert {trial.config["frozen"] for trial in probes.trials()} == {True}
    assert {trial.config["frozen"] for trial in run.trials()} == {False}
    kept = [probe.arm for probe in run.run().probes if probe.kept]
    assert list(run.run().arms) == kept and len(run.run().skipped) == 1
    assert "The screen before the sweep" in (run.path / "report.html").read_text(encoding="utf-8")
