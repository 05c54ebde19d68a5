"""Figures of single factors: what is drawn is what the tables say."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context

import analysis
from analysis.factors.labels import labels
from analysis.figures import FIGURES, figures_of
from analysis.figures.lines import line_looks, shifts
from analysis.figures.style import MOST_ARMS, RC, SINGLE, Sketch, looks_of
from analysis.report.contents import UNDRAWN
from analysis.report.findings import factors
from runs.arms import Arm
from tests.analysis.factored import Values, factored_run
from tests.analysis.report.conftest import reported

BANDS = {"rgb": 0.0, "all": 0.03}
ARMS = [
    {"backbone": name, "bands": bands, "train_fraction": fraction}
    for name in ("a", "b")
    for bands in BANDS
    for fraction in (0.1, 1.0)
]


def quality(arm: Values) -> float:
    return 0.6 + BANDS[str(arm["bands"])] + 0.1 * float(arm["train_fraction"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> analysis.Run:
    return factored_run(tmp_path_factory.mktemp("results") / "run", ARMS, quality)


def drawn(run: analysis.Run, name: str) -> Sketch:
    with rc_context(RC):
        return FIGURES[name].draw(run, looks_of(run))


def test_figures_of_a_factor_are_those_of_runs_that_compare_it() -> None:
    plain = figures_of("segmentation")
    assert set(figures_of("segmentation", ("bands", "head"))) - set(plain) == {"bands"}
    assert "labels" in figures_of("detection", ("train_fraction",))


def test_curve_has_a_line_an_arm_and_both_numbers_under_each_point(run: analysis.Run) -> None:
    sketch = drawn(run, "labels")
    (axes,) = sketch.canvas.axes
    assert axes.get_xscale() == "log"
    assert [one.get_text() for one in axes.get_xticklabels()] == ["120\n0.1", "1,200\n1"]
    (legend,) = sketch.canvas.legends
    titles = [" · ".join(map(str, line.values())) for line in labels(run).lines]
    assert [one.get_text() for one in legend.get_texts()] == titles
    assert len(sketch.data) == 8
    assert sketch.data["images"].unique().tolist() == [120, 1200]


def test_points_of_two_lines_do_not_hide_each_other() -> None:
    moved = np.log10(shifts(4, 20.0)) / np.log10(20)
    assert np.diff(moved).min() > 0.015
    assert moved.sum() == pytest.approx(0)


def test_of_many_lines_the_first_are_drawn(run: analysis.Run) -> None:
    line = next(iter(labels(run).lines.values()))
    lines = {Arm({"head": str(at)}): line for at in range(MOST_ARMS + 3)}
    assert list(line_looks(lines)) == list(lines)[:MOST_ARMS]


def test_differences_are_beside_a_line_of_none(run: analysis.Run) -> None:
    sketch = drawn(run, "bands")
    (axes,) = sketch.canvas.axes
    assert sketch.canvas.get_figwidth() == SINGLE
    texts = [one.get_text() for one in axes.get_yticklabels()]
    assert texts[0] == "all (n = 4)"
    assert texts[1:] == [f"{name} · train_fraction {one}" for one in ("1", "0.1") for name in "ab"]
    assert "all, mean of 4 pairs +0.0" in sketch.alt
    assert sketch.data["low"].between(0, 0.05).all()


def test_report_has_its_section_and_tables(run: analysis.Run) -> None:
    page = reported(run.path)
    section = page.section("factors")
    assert section.startswith("What bands and train_fraction brought")
    assert [row["bands"] for row in page.table("factor-bands")] == ["all"] * 5
    assert [row["images"] for row in page.table("factor-train_fraction")] == ["120", "1200"] * 4
    anchors = [one.attributes.get("id") for one in page.all("figure")]
    assert {"figure-bands", "figure-labels"} <= set(anchors)
    assert not {"figure-augment", "figure-resolution"} & set(anchors)


def test_what_cannot_be_answered_is_said_in_its_section(tmp_path: Path) -> None:
    run = factored_run(tmp_path / "run", ARMS[:2], quality)
    (run.path / "test.json").unlink()
    (section,) = factors(analysis.load(run.path), UNDRAWN)
    assert section.absent == (
        "Not shown: the table of bands. Bands has one value only, rgb.",
        "Not shown: the table of train_fraction. No arm has a finished training and a score on "
        "test yet.",
    )


def test_run_without_such_a_factor_has_no_section(tmp_path: Path) -> None:
    run = factored_run(tmp_path / "run", [{"head": "fpn"}, {"head": "unet"}], lambda _: 0.6)
    assert factors(run, UNDRAWN) == ()


def test_sizes_are_beside_their_price(tmp_path: Path) -> None:
    arms = [{"head": head, "image_size": size} for head in ("fpn", "unet") for size in (128, 256)]
    costs = [20_000_000, 80_000_000] * 2
    run = factored_run(
        tmp_path / "run", arms, lambda arm: 0.5 + arm["image_size"] / 1000, costs=costs
    )
    left, right = drawn(run, "resolution").canvas.axes
    assert [one.get_text() for one in left.get_xticklabels()] == ["128", "256"]
    assert right.get_xlabel() == "TFLOP an epoch"
    lines = [one for one in right.lines if len(set(one.get_xdata())) == 2]
    assert [list(one.get_xdata()) for one in lines] == [[20.0, 80.0]] * 2
