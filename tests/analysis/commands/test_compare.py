import shutil
from pathlib import Path

import pytest

from analysis.__main__ import main
from runs.directory import RunDirectory
from tests.analysis.made import SLOTS, edit
from tests.analysis.report.reading import read, structure_faults


@pytest.fixture
def again(folder: Path) -> Path:
    """The run a second time, under another name and dearer."""
    copy = folder.parent / "again"
    shutil.copytree(folder, copy)
    priced = {"cost": {"usd_per_hour": 7.2}, "slots": SLOTS | {"per_machine": 2}}
    edit(copy / "run.json", name="again", **priced)
    return copy


def test_arms_of_both_sweeps_are_in_one_table(
    folder: Path, again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(folder), str(again), "--format", "markdown"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "**landslide_backbones, again: AP50 on landslide4sense, 12 trials, seed 0**"
    rows = [line.split(" | ") for line in lines if line.startswith("|")][2:]
    ours, theirs = "landslide_backbones", "again"
    assert [row[1] for row in rows] == [ours, theirs, ours, theirs, ours, theirs]
    assert "- again: usd is for the seconds of an arm's trials, at 7.2 USD an hour" in "\n".join(
        lines
    )
    assert any(
        line.startswith("- landslide_backbones: Left out: efficientnet_b0") for line in lines
    )


def test_sweeps_on_other_data_that_are_not_tested_are_refused_by_what_differs(
    folder: Path, again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = RunDirectory(again).run().data
    edit(again / "run.json", data=data.model_dump() | {"fingerprint": "decaf", "image_size": 64})
    assert main(["compare", str(folder), str(again)]) == 2
    assert capsys.readouterr().err == (
        f"{folder} and {again} cannot be compared: their data differ, and whether they are scored "
        f"on the same test images is not on record: no tally of them in {folder}, {again} (they "
        "are tallied once, after the search). They differ in image_size: 32 and 64\n"
    )


def test_one_run_is_nothing_to_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(folder)]) == 2
    assert "for one, use rank" in capsys.readouterr().err


def test_page_over_both_sweeps_has_one_ranking_and_the_trials_of_each(
    folder: Path, again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder.parent / "both" / "page.html"
    assert main(["compare", str(folder), str(again), "--html", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    page = read(file.read_text())
    assert structure_faults(page) == []
    rows = page.table("ranking-table")
    assert {row["sweep"] for row in rows} == {"landslide_backbones", "again"}
    trials = [row["number"] for row in page.table("trials-table-2")]
    assert trials == [row["number"] for row in page.table("trials-table-1")]
