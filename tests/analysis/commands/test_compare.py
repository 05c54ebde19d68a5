import json
import shutil
from pathlib import Path

import pytest

from analysis.__main__ import main


@pytest.fixture
def again(folder: Path) -> Path:
    """The run a second time, under another name and dearer."""
    copy = folder.parent / "again"
    shutil.copytree(folder, copy)
    run = json.loads((copy / "run.json").read_text())
    priced = {"cost": {"usd_per_hour": 7.2}, "slots": {"per_machine": 2}}
    (copy / "run.json").write_text(json.dumps(run | priced | {"name": "again"}))
    return copy


def test_arms_of_both_sweeps_are_in_one_table(
    folder: Path, again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(folder), str(again), "--format", "markdown"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "**landslide_backbones, again: AP50 on landslide4sense, 12 trials, seed 0**"
    rows = [line.split(" | ") for line in lines if line.startswith("|")][2:]
    ours, theirs = "landslide_backbones", "again"
    assert [row[1] for row in rows] == [ours, ours, theirs, theirs, ours, theirs]
    assert "- again: usd is for the seconds of an arm's trials, at 7.2 USD an hour" in "\n".join(
        lines
    )
    assert any(
        line.startswith("- landslide_backbones: Left out: efficientnet_b0") for line in lines
    )


def test_sweeps_on_other_data_are_refused_by_what_differs(
    folder: Path, again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = json.loads((again / "run.json").read_text())
    run["data"]["fingerprint"] = "decaf"
    (again / "run.json").write_text(json.dumps(run))
    assert main(["compare", str(folder), str(again)]) == 2
    assert capsys.readouterr().err == (
        f"{folder} and {again} cannot be compared: the fingerprint of their data differs, "
        "c0ffee and decaf.\n"
    )


def test_one_run_is_nothing_to_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(folder)]) == 2
    assert "for one, there is rank" in capsys.readouterr().err
