"""Class weights against imbalance, from the training split's pixel counts.

All recipes but `none` are scaled to a mean of 1 over the classes that occur in training, so that
they differ in shape and not in size. A class without training pixels has the weight 0: it is never
the truth, and label smoothing must not teach a class of which there is no example.
"""

import math
from collections.abc import Callable, Sequence
from statistics import median

from runs.errors import EosweepError, did_you_mean


class ClassWeightsError(EosweepError):
    """Class weights are of no known form, or do not match the classes."""


def _none(pixels: Sequence[int], areas: Sequence[int]) -> list[float]:  # noqa: ARG001
    return [1.0] * len(pixels)


def _inverse(pixels: Sequence[int], areas: Sequence[int]) -> list[float]:  # noqa: ARG001
    """1 / n_c."""
    return [1 / count for count in pixels]


def _median_frequency(pixels: Sequence[int], areas: Sequence[int]) -> list[float]:
    """Median of the frequencies / f_c, with f_c the share of c in the images that hold it.

    Eigen & Fergus 2015, "Predicting Depth, Surface Normals and Semantic Labels with a Common
    Multi-scale Convolutional Architecture", section 6.3.3.
    """
    frequencies = [count / area for count, area in zip(pixels, areas, strict=True)]
    return [median(frequencies) / frequency for frequency in frequencies]


def _effective_number(pixels: Sequence[int], areas: Sequence[int]) -> list[float]:  # noqa: ARG001
    """(1 − β) / (1 − β^n_c), β = (N − 1) / N.

    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples". N is the number of
    distinct samples that a class can have. The paper's β (at most 0.9999) is for thousands of
    images; with millions of pixels it would make all weights equal. Here N is the pixel count of
    the median class: the weights of rarer classes are nearly those of `inverse`, those of frequent
    ones nearly equal, and they do not depend on the resolution.
    """
    beta = 1 - 1 / median(pixels)
    return [(1 - beta) / (1 - beta**count) for count in pixels]


RECIPES: dict[str, Callable[[Sequence[int], Sequence[int]], list[float]]] = {
    "none": _none,
    "inverse": _inverse,
    "median_frequency": _median_frequency,
    "effective_number": _effective_number,
}


def class_weights(spec: str, pixels: tuple[int, ...], areas: tuple[int, ...]) -> tuple[float, ...]:
    """A weight for each class, background first.

    Args:
        spec: a name in `RECIPES`, or a number for each class: "1, 2, 0.5".
        pixels: training pixels of each class; ignored ones do not count.
        areas: pixels of the training images that hold each class, for `median_frequency`.

    Raises:
        ClassWeightsError: `spec` is neither, or does not match the number of classes, or every
            class that occurs has the weight 0.
    """
    check_class_weights(spec, len(pixels))
    if spec == "none":
        return (1.0,) * len(pixels)
    occurs = [count > 0 for count in pixels]
    if not any(occurs):
        raise ClassWeightsError(f"class_weights '{spec}': the training split has no labelled pixel")
    if spec in RECIPES:
        present = [c for c, is_present in enumerate(occurs) if is_present]
        found = RECIPES[spec]([pixels[c] for c in present], [areas[c] for c in present])
        weights = dict(zip(present, found, strict=True))
    else:
        weights = {c: weight for c, weight in enumerate(_numbers(spec)) if occurs[c]}
    total = sum(weights.values())
    if total == 0:
        raise ClassWeightsError(
            f"class_weights '{spec}': every class in the training split has the weight 0"
        )
    return tuple(weights.get(c, 0.0) * len(weights) / total for c in range(len(pixels)))


def check_class_weights(spec: str, count: int | None = None) -> None:
    """Check that `spec` is a recipe, or a number for each of `count` classes.

    Args:
        count: classes, background included; None: it is not known yet.

    Raises:
        ClassWeightsError: it is neither.
    """
    if spec in RECIPES:
        return
    numbers = _numbers(spec)
    if any(not math.isfinite(number) or number < 0 for number in numbers) or not any(numbers):
        raise ClassWeightsError(
            f"class_weights '{spec}': weights are finite, none is below 0, and one is above 0"
        )
    if count is not None and len(numbers) != count:
        raise ClassWeightsError(
            f"class_weights '{spec}': {len(numbers)} numbers for {count} classes: give one for "
            "each class, of masks background first"
        )


def _numbers(spec: str) -> list[float]:
    try:
        return [float(part) for part in spec.split(",")]
    except ValueError:
        raise ClassWeightsError(
            f"class_weights '{spec}' is neither a recipe nor numbers such as '1, 2, 0.5'"
            f"{did_you_mean(spec, RECIPES)}"
        ) from None
