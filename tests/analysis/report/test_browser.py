"""The scripts of the page in a real browser, which says what they made of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

import analysis
from analysis.report import write_comparison, write_report
from tests.analysis.report.reading import Page, read

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium here"),
    pytest.mark.slow,
]


def opened(file: Path) -> tuple[Page, str]:
    """The page after its scripts have run, and what the console says of them."""
    assert BROWSER
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    done = subprocess.run(
        [BROWSER, *options, "--virtual-time-budget=3000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return read(done.stdout), "\n".join(console)


def test_scripts_open_the_page_and_nothing_is_refused(segmented: Path, tmp_path: Path) -> None:
    page, console = opened(write_report(analysis.load(segmented), tmp_path))
    assert console == ""
    charts = [one for one in page.all("figure") if "data-chart" in one.attributes]
    drawn = {
        outer.attributes["id"]
        for canvas in page.all("canvas")
        for outer in canvas.inside
        if outer.tag == "figure"
    }
    assert drawn == {one.attributes["id"] for one in charts} - {"figure-arms"}
    arms = [one for one in page.all("button") if "aria-pressed" in one.attributes]
    assert len(arms) > 4


def test_page_over_several_runs_opens_as_well(segmented: Path, tmp_path: Path) -> None:
    shutil.copytree(segmented, tmp_path / "again")
    runs = [analysis.load(segmented), analysis.load(tmp_path / "again")]
    page, console = opened(write_comparison(runs, tmp_path / "both.html"))
    assert console == ""
    assert page.all("canvas")
