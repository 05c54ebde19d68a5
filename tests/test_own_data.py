"""From a folder of one's own to a sweep file, its plan and a report, as in `docs/own-data.md`."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import datasets.__main__ as command
import tune_main
from sweeps.read import read_sweep
from tests.own_rasters import boxes, image_labels, images, masks, polygons

Draft = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "my data").mkdir()
    images(tmp_path / "my data")
    return tmp_path / "my data"


@pytest.fixture
def draft(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Draft:
    """Write a sweep file for the folder with the command; its path."""

    def write(*overrides: str) -> Path:
        line = ["sweep", str(root), *overrides, "--cache", str(tmp_path / "cache")]
        assert command.main(line) == 0
        file = tmp_path / "mine.yaml"
        file.write_text(capsys.readouterr().out, encoding="utf-8")
        return file

    return write


@pytest.fixture
def tune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run `tune_main.py`, which must end well; what it printed."""

    def run(file: Path, *more: str) -> str:
        line = ["tune_main.py", str(file), f"--results={tmp_path / 'results'}"]
        monkeypatch.setattr(sys, "argv", [*line, f"--cache={tmp_path / 'cache'}", *more])
        assert tune_main.main() == 0
        return capsys.readouterr().out

    return run


LABELS = {"masks": masks, "polygons": polygons, "boxes": boxes, "image labels": image_labels}
TASKS = {"boxes": "detection", "image labels": "classification"}


@pytest.mark.parametrize("kind", LABELS)
def test_the_file_has_a_valid_plan(
    root: Path, draft: Draft, tune: Callable[..., str], kind: str
) -> None:
    LABELS[kind](root)
    file = draft(*(["class_field=kind"] if kind == "polygons" else []))
    sweep = read_sweep(file)
    assert sweep.name == "my_data" and sweep.dataset.root == root
    assert sweep.task == TASKS.get(kind, "segmentation")
    assert sweep.dataset.image_size == 64
    plan = tune(file, "--dry-run", "compare.pretraining=[scratch]")
    assert f"my_data: {sweep.task}, ranked by {sweep.metric}" in plan


def test_every_key_has_a_reason(root: Path, draft: Draft) -> None:
    masks(root)
    before = ""
    for line in draft().read_text(encoding="utf-8").splitlines():
        key = re.fullmatch(r" *(\w+): .*?(#.*)?", line)
        if key:
            assert key[2] or before.strip().startswith("#"), f"{key[1]} has no reason"
        before = line


def test_what_was_given_is_kept(root: Path, draft: Draft) -> None:
    masks(root)
    file = draft("dataset.classes={1: pond, 2: field}", "splits.val=0.34", "image_size=32")
    options = read_sweep(file).dataset
    assert "classes: {1: pond, 2: field}" in file.read_text(encoding="utf-8")
    assert options.splits.val == 0.34 and options.image_size == 32


def test_nothing_to_learn_is_one_sentence(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["sweep", str(root), "--cache", str(tmp_path / "cache")]
    assert command.main(line) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "holds no labels that were found" in printed.err


@pytest.mark.slow
def test_the_way_of_a_newcomer_ends_with_a_report(root: Path, tmp_path: Path, draft: Draft) -> None:
    """The command as it is typed, in a process of its own: other tests may have started Ray."""
    masks(root)
    given = ["classes={1: pond, 2: field}", "colours={pond: '#0af'}"]
    small = ["budget.trials=2", "budget.epochs=2", "scheduler.grace_epochs=1", "repeats=null"]
    done = subprocess.run(
        [
            *(sys.executable, tune_main.__file__, draft(*given), *small),
            *(f"--results={tmp_path / 'results'}", f"--cache={tmp_path / 'cache'}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mIoU on raster" in done.stdout and "the whole report: " in done.stdout
    report = (tmp_path / "results" / "my_data" / "report.html").read_text(encoding="utf-8")
    assert "#00aaff" in report
