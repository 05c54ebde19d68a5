"""Whether weights were trained on values like the data's, and on bands like theirs: for the plan.

What is compared are the values as they are stored, before any scaling of ours: the data's mean and
standard deviation over the training split, and what the source says that it subtracted from stored
values and divided them by. Trials standardise each band with the training split's statistics, so
that a network sees mean 0 and deviation 1 whatever the units. A wrong scale therefore does not
reach the network, but it tells that the data are not what a person takes them for: reflectance
times 10,000 read as 8 bit, 0 to 1 where a tool rescaled the files, digital numbers.
"""

from collections.abc import Iterator, Sequence

from datasets.spectrum import Band
from models.backbones.published import Published, Scale

RGB = {"red", "green", "blue"}
APART = 10
"""A factor by which deviations differ by an order of magnitude."""
SHARES = (0.02, 1.0)
"""Where the mean of values lies that were only divided by their full range: a tenth of what is
usual, dark water, to ten times it."""
MOST_NAMED = 3


def warnings(
    weights: Published, bands: Sequence[Band], mean: Sequence[float], std: Sequence[float]
) -> Iterator[str]:
    """What a person should look at before these weights are used on these data, as sentences.

    Args:
        bands: the data's.
        mean, std: of each band as stored, over the training split.
    """
    if weights.scale is not None and (told := scale_fault(weights, bands, mean, std)):
        yield (
            f"{told}. Bands are standardised with the training split's own mean and deviation, so "
            "that the scale does not reach the network: check that the files hold what the weights "
            "were trained on, all in one unit"
        )
    theirs = {band.key for band in weights.bands or ()}
    if theirs == RGB and len(bands) > len(RGB):
        others = ", ".join(band.name for band in bands if band.key not in RGB)
        yield (
            "the weights are made for red, green and blue: the mean of these filters stands for "
            f"{others}, which they have never seen; compare with scratch, or with weights made for "
            "these bands"
        )


def scale_fault(
    weights: Published, bands: Sequence[Band], mean: Sequence[float], std: Sequence[float]
) -> str | None:
    """The bands whose stored values are of another order of magnitude than the weights', if any."""
    scale = weights.scale
    assert scale is not None
    keys = [band.key for band in weights.bands or ()]
    faults = []
    for band, ours_mean, ours_std in zip(bands, mean, std, strict=True):
        if len(scale.std) > 1 and band.key not in keys:
            continue
        at = keys.index(band.key) if len(scale.std) > 1 else 0
        if told := _fault(scale, at, ours_mean, ours_std):
            faults.append(f"{band.name} {told}")
    if not faults:
        return None
    more = f" and {len(faults) - MOST_NAMED} more bands" if len(faults) > MOST_NAMED else ""
    return f"stored values are not of the weights' scale: {'; '.join(faults[:MOST_NAMED])}{more}"


def _fault(scale: Scale, at: int, mean: float, std: float) -> str | None:
    """A source that subtracts nothing divided by the full range; others by a deviation."""
    theirs_mean, theirs_std = scale.mean[min(at, len(scale.mean) - 1)], scale.std[at]
    ours = f"has mean {_short(mean)}, deviation {_short(std)}"
    if theirs_mean == 0:
        low, high = (share * theirs_std for share in SHARES)
        fits = low <= mean <= high
        return None if fits else f"{ours}, and theirs were divided by {_short(theirs_std)}"
    fits = theirs_std / APART <= std <= theirs_std * APART
    theirs = f"theirs mean {_short(theirs_mean)}, deviation {_short(theirs_std)}"
    return None if fits else f"{ours}, and {theirs}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
