"""A sweep of classifiers on the sample, as it is typed: ranking, report, pictures, labels."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

import deploy.__main__ as deploying
import tune_main
from runs.directory import RunDirectory
from runs.tallies import LabelTally, read_tally

SWEEP = """\
name: land
task: classification
metric: F1
dataset: {name: eurosat, bands: all, image_size: 64}
compare: {head: [linear, mlp]}
fixed: {backbone: test_resnet, pretraining: scratch, batch_size: 16, lr: 3.0e-3}
budget: {trials: 2, epochs: 2}
scheduler: {name: none}
resources: {cpu: 1}
"""


@pytest.mark.slow
def test_a_sweep_of_classifiers_ends_with_a_report_and_a_model(tmp_path: Path) -> None:
    """In a process of its own: other tests may have started Ray."""
    (tmp_path / "land.yaml").write_text(SWEEP)
    done = subprocess.run(
        [
            *(sys.executable, tune_main.__file__, tmp_path / "land.yaml"),
            *(f"--results={tmp_path / 'results'}", f"--cache={tmp_path / 'cache'}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = RunDirectory(tmp_path / "results" / "land")
    assert {trial.status for trial in run.trials()} == {"done"}
    for trial in run.trials():
        tally = read_tally(run.tally_file(trial))
        assert isinstance(tally, LabelTally)
        assert (tally.truths.sum(axis=1) == 1).all()
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Confusion matrix" in report and "Worst image" in report
    patch = next((tmp_path / "cache" / "samples").glob("*/River/River_1.tif"))
    assert deploying.main(["predict", str(run.path), str(patch)]) == 0
    with (run.path / "maps" / "River_1.labels.csv").open(newline="") as opened:
        (line,) = csv.DictReader(opened)
    assert line["label"] in ("AnnualCrop", "Forest", "HerbaceousVegetation", "River")
