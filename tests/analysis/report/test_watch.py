"""A page that is written while the sweep runs."""

import time
from pathlib import Path

import pytest

import analysis
from analysis.__main__ import main
from tests.analysis.made import edit, trial_file
from tests.analysis.report.reading import read


def test_page_loads_itself_again_until_the_sweep_is_finished(
    halved: analysis.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(trial_file(halved.path, 6), status="running")
    edit(halved.path / "run.json", budget=halved.record.budget.model_dump() | {"trials": 7})
    file = halved.path / "report.html"
    pages = []

    def finish(_: float) -> None:
        pages.append(read(file.read_text()))
        edit(trial_file(halved.path, 6), status="pruned")

    monkeypatch.setattr(time, "sleep", finish)
    assert main(["report", str(halved.path), "--watch", "20"]) == 0
    pages.append(read(file.read_text()))
    assert [page.all("body")[0].attributes.get("data-again") for page in pages] == ["20", None]
    assert capsys.readouterr().out.splitlines()[-1] == str(file)


def test_watching_ends_at_ctrl_c_and_the_page_stays(
    halved: analysis.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(trial_file(halved.path, 6), status="running")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert main(["report", str(halved.path), "--watch", "20"]) == 0
    assert "as far as the sweep had come" in capsys.readouterr().out
    assert Path(halved.path / "report.html").is_file()
