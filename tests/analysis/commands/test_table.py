import io
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.__main__ import main
from tests.analysis.made import edit
from tests.analysis.tallied import tally_detections

REFERENCES = """
source: Doe et al. 2023, table 2
rows:
  - arm: {backbone: resnet50}
    scores: {AP50: 0.875}
  - arm: {backbone: resnet18, pretraining: mae}
    scores: {AP: 0.5}
"""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    file = tmp_path / "published.yaml"
    file.write_text(REFERENCES)
    return file


@pytest.mark.parametrize("format", ["text", "markdown", "csv", "latex"])
def test_published_scores_stand_below_ours_marked_and_not_in_bold(
    folder: Path, published: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    options = ["--references", str(published), "--format", format]
    assert main(["table", str(folder), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if "resnet50" in line]
    assert "ref" in row
    assert "0.875" in row
    assert not any(mark in row for mark in ("**", "textbf"))
    told = any("published, not measured here and not ranked. Doe et al. 2023" in x for x in lines)
    assert told != (format == "csv")


def test_table_has_score_uncertainty_number_cost_and_speed_alone(
    repeated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tally_detections(repeated)
    assert main(["table", str(run.path), "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert table.columns.tolist() == [
        *["rank", "backbone", "pretraining", "test", "std", "seeds", "ci_low", "ci_high"],
        *["difference", "p", "tied", "n", "seconds", "latency_ms", "sweep", "data", "ranked_by"],
    ]


def test_two_sources_are_told_apart(
    folder: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"source": "Roe 2021", "note": "", "rows": [{"arm": {}, "scores": {"AP50": 0.125}}]}
    edit(folder / "run.json", references=own)
    assert main(["table", str(folder), "--references", str(published)]) == 0
    told = capsys.readouterr().out
    assert "ref 1: published, not measured here and not ranked. Roe 2021." in told
    assert "ref 2: published, not measured here and not ranked. Doe et al." in told
    assert "0.8750" in next(line for line in told.splitlines() if line.startswith("ref 2"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rows: []", "(source: Field required)"),
        ("source: x\nrows: [{arm: {backbone: a}, scores: {AP50: high}}]", "(rows.0.scores.AP50: "),
        ("source: x\nrows: [{arm: {neck: a}, scores: {}}]", "neck, which is not a factor"),
        ("- 1", "is not YAML of source, note and rows"),
        ("a: [", "is not YAML of source, note and rows"),
    ],
)
def test_references_that_cannot_be_used_are_refused(
    folder: Path, published: Path, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    published.write_text(content)
    assert main(["table", str(folder), "--references", str(published)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(str(published))
    assert told in error
    assert len(error.splitlines()) == 1


def test_references_that_are_not_there_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", str(folder), "--references", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "nowhere.yaml cannot be read: No such file or directory\n"


def test_several_sweeps_make_one_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = folder.parent / "again"
    shutil.copytree(folder, copy)
    assert main(["table", str(folder), str(copy), "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert set(table["sweep"]) == {str(folder), str(copy)}  # for they have one name
    assert len(table) == 6
