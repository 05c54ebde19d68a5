"""Which runs are compared, and what is said of those that cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import analysis
from runs.tallies import PixelTally, read_tally, write_tally
from tests.analysis.factored import factored_run

HEADS = [{"head": "fpn"}, {"head": "unet"}]
RGB, ALL = {"bands": ["red", "green", "blue"]}, {"bands": ["red", "green", "blue", "nir"]}


@pytest.fixture
def rgb(tmp_path: Path) -> analysis.Run:
    """A run on three bands."""
    return factored_run(tmp_path / "rgb", HEADS, lambda _: 0.7, name="three", data=RGB)


@pytest.fixture
def other(tmp_path: Path) -> analysis.Run:
    """A run on four bands, of another fingerprint, on the same test images."""
    data = ALL | {"fingerprint": "e" * 64}
    return factored_run(tmp_path / "all", HEADS, lambda _: 0.8, name="four", data=data)


Change = Callable[[PixelTally], PixelTally]


def retallied(run: analysis.Run, change: Change) -> analysis.Run:
    for file in run.path.glob("trials/*/test.npz"):
        tally = read_tally(file)
        assert isinstance(tally, PixelTally)
        write_tally(file, change(tally))
    return analysis.load(run.path)


def test_runs_on_other_bands_are_paired_over_the_same_test_images(
    rgb: analysis.Run, other: analysis.Run
) -> None:
    ranked = analysis.rank_runs([rgb, other]).frame
    assert ranked["sweep"].tolist() == ["four", "four", "three", "three"]
    assert ranked["tied"].tolist()[1:] == [True, False, False]
    told = analysis.show_comparison([rgb, other], width=2000)
    assert (
        "three and four learned from different data (bands: [red, green, blue] and "
        "[red, green, blue, nir]) and are scored on the same test images, with the same truth."
    ) in told


def test_setting_of_one_run_that_is_a_factor_of_the_other_has_its_value(tmp_path: Path) -> None:
    fixed = factored_run(
        tmp_path / "half", HEADS, lambda _: 0.7, name="half", config={"train_fraction": 0.5}
    )
    arms = [{"head": "fpn", "train_fraction": one} for one in (0.1, 1.0)]
    varied = factored_run(tmp_path / "labels", arms, lambda _: 0.8, name="labels")
    ranked = analysis.rank_runs([fixed, varied]).frame.set_index("sweep")
    assert ranked.loc["half", "train_fraction"].tolist() == [0.5, 0.5]
    assert ranked.loc["labels", "train_fraction"].tolist() == [0.1, 1.0]


def test_other_test_images_are_counted_and_the_first_is_named(
    rgb: analysis.Run, other: analysis.Run
) -> None:
    def renamed(tally: PixelTally) -> PixelTally:
        names = tally.names.copy()
        names[[3, 7]] = ["x3", "x7"]
        return replace(tally, names=names)

    with pytest.raises(analysis.AnalysisError) as refused:
        analysis.rank_runs([rgb, retallied(other, renamed)])
    assert str(refused.value) == (
        f"{rgb.path} and {other.path} cannot be compared: the other lacks 2 of 40 test images of "
        f"{rgb.path}, first tile003. They differ in bands: [red, green, blue] and [red, "
        "green, blue, nir]"
    )


def test_other_truth_is_counted_and_the_first_is_named(
    rgb: analysis.Run, other: analysis.Run
) -> None:
    def relabelled(tally: PixelTally) -> PixelTally:
        confusion = tally.confusion.copy()
        confusion[5, 1, 1] += 9
        return replace(tally, confusion=confusion)

    with pytest.raises(
        analysis.AnalysisError, match="the truth of 1 test image of 40 differs, fir"
    ):
        analysis.rank_runs([rgb, retallied(other, relabelled)])


def test_without_tallies_runs_on_other_data_are_not_compared(
    rgb: analysis.Run, other: analysis.Run
) -> None:
    for file in other.path.glob("trials/*/test.npz"):
        file.unlink()
    with pytest.raises(analysis.AnalysisError) as refused:
        analysis.rank_runs([rgb, other])
    assert f"is not on record: no tally of them in {other.path} (" in str(refused.value)
    assert str(refused.value).endswith("[red, green, blue, nir]")


def test_other_classes_are_refused_by_their_names(rgb: analysis.Run, tmp_path: Path) -> None:
    roads = factored_run(tmp_path / "roads", HEADS, lambda _: 0.7, data={"classes": ["road"]})
    with pytest.raises(
        analysis.AnalysisError, match=r"the classes of their data differ, \[water\]"
    ):
        analysis.rank_runs([rgb, roads])
