from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.pictures.choice import choose, shown_models
from analysis.pictures.images import ImageScores


def scores(*values: float) -> ImageScores:
    array = np.array(values)
    return ImageScores("mIoU", "mIoU", array, np.argsort(array)[: int(np.isfinite(array).sum())])


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, {3: "best", 4: "median", 1: "worst"}),
        (2, {3: "best", 1: "worst"}),
        (1, {4: "median"}),
        (5, {3: "best", 0: "percentile 75", 4: "median", 5: "percentile 25", 1: "worst"}),
    ],
)
def test_images_are_spread_from_the_best_to_the_worst(count: int, expected: dict[int, str]) -> None:
    chosen = choose(scores(0.8, 0.1, np.nan, 0.9, 0.5, 0.3), count)
    assert {image.row: image.standing for image in chosen} == expected


def test_few_images_are_shown_once() -> None:
    assert choose(scores(0.4, np.nan), 3) == [(0, "best")]
    assert choose(scores(np.nan, np.nan), 3) == []


def test_arms_are_in_the_order_of_the_ranking(folder: Path) -> None:
    """Equal on validation: Swin's trial came first. ViT has no score, and was not tested."""
    assert [model.arm for model in shown_models(analysis.load(folder), 3)] == [
        "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k · mae",
        "resnet18 · imagenet",
    ]


def test_an_arm_with_repeats_is_shown_by_its_best_one(repeated: Path) -> None:
    names = [model.name for model in shown_models(analysis.load(repeated), 3)]
    assert names == [
        "001-resnet18-imagenet-seed3",
        "000-swin_tiny_patch4_window7_224.ms_in22k_ft_in1k-mae-seed3",
    ]
    assert len(shown_models(analysis.load(repeated), 1)) == 1
