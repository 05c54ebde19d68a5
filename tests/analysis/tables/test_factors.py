"""The tables of factors, from the command line and in every format."""

import io
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.__main__ import main
from analysis.tables.factors import FACTOR_TITLES, TABLES, show_factor
from runs.arms import Scalar
from tests.analysis.factored import Values, factored_run

LEVELS: dict[str, tuple[Scalar, Scalar]] = {
    "bands": ("rgb", "all"),
    "augment": ("none", "flips"),
    "stretch": ("none", "percentiles"),
    "train_fraction": (0.1, 1.0),
    "image_size": (128, 256),
    "frozen": (True, False),
}


def rising(arm: Values) -> float:
    (factor,) = set(arm) - {"head"}
    return 0.6 + 0.1 * LEVELS[factor].index(arm[factor]) + 0.05 * (arm["head"] == "unet")


def run_of(folder: Path, factor: str) -> analysis.Run:
    """Two heads, and two values of the factor, of which the second is better."""
    arms = [{"head": head, factor: one} for head in ("fpn", "unet") for one in LEVELS[factor]]
    return factored_run(folder, arms, rising, costs=[1000, 4000, 1000, 4000])


def test_every_table_has_a_title_and_is_tested_here() -> None:
    assert list(TABLES) == list(FACTOR_TITLES) == list(LEVELS)


@pytest.mark.parametrize("factor", TABLES)
def test_numbers_of_the_csv_are_those_of_the_text(factor: str, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", factor)
    frame = pd.read_csv(io.StringIO(show_factor(run, factor, format="csv")))
    text = show_factor(run, factor, width=1000)
    assert {"ci_low", "ci_high", "sweep", "data", "ranked_by"} <= set(frame)
    for row in frame.to_dict("records"):
        assert f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]" in text
    for format in ("markdown", "latex"):
        assert show_factor(run, factor, format=format).count(" & " if format == "latex" else " | ")


def test_command_prints_what_the_bands_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "run", "bands")
    assert main(["factor", str(run.path), "bands", "--format", "markdown"]) == 0
    told = capsys.readouterr().out
    assert "| bands | head | pairs | test | test of rgb | adds | 95 % CI |" in told
    assert "- bands all scores +0.1" in told
    assert "mean of 2 pairs): significantly better, p" in told


def test_resolution_has_its_price(tmp_path: Path) -> None:
    told = show_factor(run_of(tmp_path / "run", "image_size"), "image_size", width=1000)
    assert "significantly better, p < 0.0001. It takes 4 times the operations." in told
    assert "GFLOP/epoch" in told


def test_labels_that_are_too_few_are_named(tmp_path: Path) -> None:
    told = show_factor(run_of(tmp_path / "run", "train_fraction"), "train_fraction", width=1000)
    assert "enough for 95 % of the score of unet with 1,200; 120 are too few" in told


def test_factor_that_the_run_does_not_compare_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "run", "bands")
    assert main(["factor", str(run.path), "head"]) == 2
    assert capsys.readouterr().err == f"{run.path} has no table of the factor 'head': bands\n"
