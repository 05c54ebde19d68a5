"""Every figure of a small run: what is written, and what is said of what is not."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgb

import analysis
from analysis.figures import FIGURES, MARK, draw_figures, figures_of, sketch_figures
from analysis.figures.files import FORMATS, write_figure
from analysis.figures.packing import draw_packing
from analysis.figures.style import DENSE, DOUBLE, LOOKS, MOST_ARMS, RANKS, RC, SINGLE, looks_of
from runs.records import TestRecord
from tests.analysis.figures.conftest import TUNE, searched
from tests.analysis.made import make_run

DRAWN = list(figures_of("segmentation"))


def test_every_figure_that_applies_is_written_with_its_words(
    tested: analysis.Run, tmp_path: Path
) -> None:
    figures = draw_figures(tested, tmp_path / "figures", ["png", "pdf", "svg"])
    assert [figure.name for figure in figures] == DRAWN
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert written == sorted(f"{name}.{kind}" for name in DRAWN for kind in ("png", "pdf", "svg"))
    for figure in figures:
        png, pdf, svg = figure.files
        assert png.read_bytes().startswith(b"\x89PNG")
        assert b"/FontFile2" in pdf.read_bytes()  # TrueType, embedded
        assert b"/Type3" not in pdf.read_bytes()
        assert b"<text" not in svg.read_bytes()  # letters are paths
        for words in (figure.caption, figure.alt):
            assert words.startswith(MARK)
            assert words.endswith(".")
            assert "nan" not in words.split()
        assert re.search(r"\d", figure.alt)
        assert figure.title not in figure.caption


def test_the_same_run_gives_the_same_files(tested: analysis.Run, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        with rc_context(RC):
            sketch = draw_packing(tested, looks_of(tested))
        write_figure("packing", sketch, tmp_path / folder, FORMATS)
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes(), file.name


def test_figures_fit_a_paper_and_samples_are_marked(tested: analysis.Run) -> None:
    sketches, _ = sketch_figures(tested)
    for name, sketch in sketches.items():
        assert "SAMPLE" in [text.get_text() for text in sketch.canvas.texts], name
        assert sketch.canvas.get_figwidth() in (SINGLE, DOUBLE), name
        texts = sketch.canvas.findobj(lambda artist: hasattr(artist, "get_fontsize"))
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 7, name


def test_what_does_not_apply_is_left_out_with_its_reason(folder: Path) -> None:
    sketches, left_out = sketch_figures(analysis.load(folder))
    assert set(sketches) | set(left_out) == set(figures_of("detection"))
    assert left_out.keys() >= {"importance", "precision_recall", "packing"}
    assert "does not say when its epochs ended" in left_out["packing"]
    assert "is not on record" in left_out["precision_recall"]


def test_run_without_trials_has_no_figures(folder: Path) -> None:
    for file in folder.glob("trials/*/trial.json"):
        file.unlink()
    sketches, left_out = sketch_figures(analysis.load(folder))
    assert not sketches
    assert set(left_out) == set(figures_of("detection"))


def test_an_arm_looks_the_same_whatever_is_drawn_of_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", searched(24, backbones=6), tune=TUNE)
    looks = looks_of(run)
    assert len(looks) == MOST_ARMS
    assert len({look.colour for look in looks.values()}) == MOST_ARMS
    assert len({look.marker for look in looks.values()}) == MOST_ARMS
    best = run.trials.groupby("arm")["score"].max().nlargest(MOST_ARMS)
    assert set(looks) == set(best.index)
    assert (
        "Of 12 arms, the first 8 of the ranking are shown."
        in sketch_figures(run)[0]["learning"].caption
    )


@pytest.mark.parametrize("name", ["learning", "parallel", "packing"])
def test_what_is_dense_is_written_as_pixels(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run", searched(DENSE + 500, epochs=2), tune=TUNE)
    sketch = FIGURES[name].draw(run, looks_of(run))
    heavy = [part for axes in sketch.canvas.axes for part in axes.collections]
    assert heavy
    assert all(part.get_rasterized() for part in heavy)


def test_scores_of_different_lengths_of_training_are_not_set_side_by_side(
    halved: analysis.Run,
) -> None:
    sketches, _ = sketch_figures(halved)
    assert "c (epoch 2 of 6) 0.400" in sketches["arms"].alt
    assert "whose scores cannot be compared" in sketches["arms"].caption
    assert "5 of 7 trials were not trained to their end" in sketches["best_after"].caption
    assert "No line, without a finished trial: c." in sketches["best_after"].caption
    assert " c " not in sketches["best_after"].alt
    assert "not trained as far as the others: c." in sketches["effects"].caption
    assert "a finished training: c." in sketches["pareto"].caption
    assert "trained: the share of its epochs" in sketches["parallel"].caption
    assert "The first of 7 trials, mIoU 0.500, has backbone a" in sketches["parallel"].alt


def test_ticks_of_an_arm_are_of_trials_that_were_trained_as_far(halved: analysis.Run) -> None:
    (halved.path / "test.json").unlink()
    sketches, _ = sketch_figures(analysis.load(halved.path))
    assert "(n = 1 to 2 an arm)" in sketches["arms"].caption
    assert sketches["arms"].alt.endswith("a 0.500; b 0.400; c (epoch 2 of 6) 0.600.")


def test_arms_that_were_not_tested_are_named(halved: analysis.Run) -> None:
    tested = dict(list(halved.test.items())[:2])
    halved.directory.write_test(TestRecord(scores=tested))
    sketches, _ = sketch_figures(analysis.load(halved.path))
    assert "Not tested, and not shown: c." in sketches["arms"].caption


def test_bars_of_a_trial_that_waited_are_explained(tmp_path: Path) -> None:
    made = searched(4)
    made[0].more["epochs"][-1]["time"] += 500
    sketches, _ = sketch_figures(make_run(tmp_path / "run", made, tune=TUNE))
    assert "4 trials have 5 bars" in sketches["packing"].caption


def test_arm_that_dropped_out_has_its_epoch_beside_its_row(halved: analysis.Run) -> None:
    sketches, _ = sketch_figures(halved)
    (axes,) = sketches["arms"].canvas.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b", "c\n(epoch 2 of 6)"]


@pytest.mark.parametrize("colour", [*(look.colour for look in LOOKS), RANKS(0.0), RANKS(1.0)])
def test_no_line_is_too_pale_on_white(colour: str | tuple[float, ...]) -> None:
    """At least 2 to 1, by the contrast of WCAG."""
    linear = np.array(to_rgb(colour)) ** 2.2
    assert 1.05 / (linear @ (0.2126, 0.7152, 0.0722) + 0.05) >= 2


def test_parallel_coordinates_are_in_shades_of_that_scale(tested: analysis.Run) -> None:
    sketches, _ = sketch_figures(tested)
    (lines,) = sketches["parallel"].canvas.axes[0].collections
    assert lines.get_cmap() == RANKS


def test_lines_of_trials_that_were_trained_further_are_darker(halved: analysis.Run) -> None:
    sketches, _ = sketch_figures(halved)
    (lines,) = sketches["parallel"].canvas.axes[0].collections
    shades = lines.get_array().tolist()
    assert shades == sorted(shades)
    # In rising order: the trial of one epoch, which scored highest of all, is the first.
    assert lines.get_segments()[0][-1][1] == 1
