"""The page is whole, safe, and can be read by everyone, as far as this can be seen in its text."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import analysis
from analysis.__main__ import main
from analysis.figures import FIGURES, figures_of, sketch_figures
from analysis.report import write_report
from tests.analysis.made import edit, make_run, trial, trial_file
from tests.analysis.report.conftest import reported
from tests.analysis.report.reading import Page, structure_faults

ROOT = Path(__file__).parents[3]
STYLE = (ROOT / "analysis" / "report" / "page" / "page.css").read_text()
VENDOR = ROOT / "analysis" / "report" / "page" / "vendor"
LOUD = '<script>alert("x")&<b>"'


def test_page_needs_nothing_but_itself(page: Page) -> None:
    addresses = [
        element.attributes[name]
        for element in page.elements
        for name in ("src", "href", "srcset", "action", "data")
        if name in element.attributes
    ]
    assert addresses
    kinds = ("#", "data:image/png;base64,", "data:image/svg+xml;base64,")
    assert [one[:40] for one in addresses if not one.startswith(kinds)] == []
    assert not page.all("link", "iframe", "object", "embed", "form")
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_only_its_own_style_and_script_take_effect(page: Page) -> None:
    (policy,) = (
        element.attributes["content"]
        for element in page.all("meta")
        if element.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for tag in ("style", "script"):
        hashes = [f"'{digest(one.text)}'" for one in page.all(tag) if "type" not in one.attributes]
        assert rules[f"{tag}-src"].split() == hashes


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_library_of_the_charts_is_the_one_that_is_noted() -> None:
    noted = re.search(r"sha256 ([0-9a-f]{64})", (VENDOR / "README.md").read_text())
    assert noted
    file = VENDOR / "echarts.min.js"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == noted[1]


def test_what_a_run_says_is_text_wherever_it_stands(tmp_path: Path) -> None:
    reasons = {"status": "failed", "reason": LOUD}
    run = make_run(
        tmp_path / "run",
        [trial({LOUD: LOUD}, 0.5), trial({LOUD: "mae"}, None, **reasons)],
        name=LOUD,
        skipped=[{"arm": {LOUD: "none"}, "reason": LOUD}],
        data={"name": LOUD, "classes": [LOUD], "skipped_files": [[LOUD, LOUD]]},
        command=LOUD,
        versions={LOUD: LOUD},
        git=LOUD,
    )
    page = reported(run.path)
    assert len(page.all("script")) == 3  # data, library, the page's own
    data = json.loads(next(one.text for one in page.all("script") if "type" in one.attributes))
    assert data["charts"]["arms"][0]["levels"] == {LOUD: LOUD}
    assert all(one.text.endswith(".") for one in page.all("b"))  # titles of figures
    assert [row["why"] for row in page.table("left-out-table")] == [LOUD] * 3
    assert LOUD in page.section("rebuild")


def test_structure_is_accessible(page: Page) -> None:
    assert page.all("figure")
    assert structure_faults(page) == []


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_contrast(scheme: int) -> None:
    """Text on what it stands on: 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    pairs = [(ink, paper) for ink in ("ink", "quiet", "link") for paper in ("paper", "band")]
    for ink, paper in [*pairs, ("warn-ink", "warn-paper")]:
        bright, dim = sorted(map(luminance, (colours[ink], colours[paper])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, paper)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_sample_is_marked_in_title_heading_banner_tables_and_figures(folder: Path) -> None:
    page = reported(folder)
    marked = page.all("title", "h1", "caption", "figcaption")
    assert len(marked) > 6
    assert all("SAMPLE" in one.text for one in marked)
    assert "On the embedded sample" in page.section("answer")
    edit(folder / "run.json", sample=False)
    assert not any("SAMPLE" in one.text for one in reported(folder).all("body"))


def test_of_many_trials_the_best_are_shown_and_the_rest_is_named(tmp_path: Path) -> None:
    arms = [{"head": "fpn"}, {"head": "unet"}]
    trials = [trial(arms[at % 2], at / 1000) for at in range(130)]
    page = reported(make_run(tmp_path / "many", trials).path)
    assert [row["mIoU"] for row in page.table("trials-table")][:2] == ["0.1290", "0.1280"]
    assert len(page.table("trials-table")) == 100
    assert "The 30 trials below these are left out" in page.section("trials")


def test_report_is_whole_or_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", [trial({"head": "fpn"}, 0.5)])
    (run.path / "report.html").write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(analysis.AnalysisError, match=r"report\.html cannot be written: No space"):
        write_report(run)
    assert (run.path / "report.html").read_text() == "before"


def test_command_writes_the_report_without_ray(folder: Path) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['analysis', 'report', {str(folder)!r}]\n"
        "try:\n    runpy.run_module('analysis', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert 'ray' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{folder / 'report.html'}\n"), done.stderr


def test_every_registered_figure_has_its_place_in_the_report(folder: Path) -> None:
    sketches, left_out = sketch_figures(analysis.load(folder))
    page = reported(folder)
    anchors = [one.attributes.get("id", "") for one in page.all("figure")]
    for name, figure in figures_of("detection").items():
        section = page.section(figure.section)
        if name in sketches:
            assert anchors.count(f"figure-{name}") == 1, name
            assert sketches[name].title in section, name
        else:
            assert f"Not shown: {figure.what}. {left_out[name][0].upper()}" in section, name


def test_what_is_not_shown_is_said_in_plain_words(folder: Path, tmp_path: Path) -> None:
    """Neither a path nor a name of the code, of a run that lacks most."""
    runs = [
        make_run(tmp_path / "none", []),
        make_run(tmp_path / "one", [trial({"head": "fpn"}, 0.5)]),
        analysis.load(folder),
    ]
    for run in runs:
        texts = [one.text for one in reported(run.path).all("li")]
        told = [f"Not shown: {figure.what}" for figure in FIGURES.values()]
        notes = [text for text in texts if text.startswith(tuple(told))]
        assert len(notes) > 3
        for note in notes:
            assert re.fullmatch(r"Not shown: [^_/]+\. [A-Z0-9][^_/]+\.", note), note


def test_run_directory_stays_as_it_was_if_the_report_goes_elsewhere(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("*"))
    output = tmp_path / "reports" / "landslide"
    assert main(["report", str(folder), "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"{output / 'report.html'}\n"
    assert sorted(folder.rglob("*")) == before


def test_report_says_which_arm_dropped_out_and_when(halved: analysis.Run) -> None:
    edit(trial_file(halved.path, 6), status="waiting")
    page = reported(halved.path)
    assert "c (epoch 2 of 6)" in page.section("certainty")
    assert "c (epoch 2 of 6)" in page.section("ranking")
    assert "c (epoch 2 of 6)" in page.section("errors")
    in_figure_and_table = page.section("mattered").count("not trained as far as the others: c.")
    assert in_figure_and_table == 2
    assert [row["what"] for row in page.table("left-out-table")] == ["trials unfinished"]


@pytest.mark.parametrize(
    ("anchor", "best"), [("ranking", "0.5000"), ("trials", "0.5000"), ("classes", "0.5000")]
)
def test_score_of_a_stopped_training_is_not_marked_as_the_best(
    halved: analysis.Run, anchor: str, best: str
) -> None:
    (halved.path / "test.json").unlink()
    page = reported(halved.path)
    marked = {
        cell.text.strip()
        for cell in page.all("td")
        if "best" in cell.attributes.get("class", "").split()
        and any(outer.attributes.get("id") == f"{anchor}-table" for outer in cell.inside)
    }
    assert marked == {best}
