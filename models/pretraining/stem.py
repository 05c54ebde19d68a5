"""The first layer of a network made for RGB, or for other bands with names, remade for any."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.pretraining.audit import WeightsDoNotFitError, shape_text


def adapt_stem(weight: Tensor, rgb: tuple[int, int, int] | None, bands: int) -> Tensor:
    """Filters over R, G, B → filters over `bands` bands, with the same response to grey.

    Bands that are red, green or blue get their own filters, every other band the mean of the
    three. All are then scaled so that the sum over the input channels, and with it the response
    to an input that is equal in all bands, is what it was.

    Args:
        weight: [O, 3, k, k], channels in the order R, G, B.
        rgb: positions of R, G, B among the bands; None if they are not all there.
        bands: number of bands.

    Returns:
        [O, bands, k, k]; `weight` permuted, to the last bit, if the bands are R, G, B alone.
    """
    if bands == 3 and rgb is not None:
        return weight[:, torch.tensor(rgb).argsort()]
    adapted = weight.mean(dim=1, keepdim=True).repeat(1, bands, 1, 1)
    if rgb is not None:
        adapted[:, list(rgb)] = weight
    # The three filters and the mean filter both sum to three means, so the factor is the same
    # for every filter, with or without RGB, and never a division by a sum that may be zero.
    return adapted * (weight.shape[1] / bands)


def pick_stem(weight: Tensor, stem_bands: tuple[str, ...], bands: tuple[str, ...]) -> Tensor:
    """Filters over `stem_bands` → filters over `bands`, each found by its name.

    A band that the stem was not made for gets the mean of its filters. All are scaled by the ratio
    of the numbers of bands, as in `adapt_stem`, so that the response stays of the size it was. To
    an input that is equal in all bands it is only about what it was: filters are left out here.

    Args:
        weight: [O, C, k, k], channels in the order of `stem_bands`.
        stem_bands: C names, none twice.
        bands: D names.

    Returns:
        [O, D, k, k]; `weight` permuted, to the last bit, where the bands are the same.
    """
    mean = weight.mean(dim=1)
    channels = [weight[:, stem_bands.index(band)] if band in stem_bands else mean for band in bands]
    picked = torch.stack(channels, dim=1)
    return picked if len(bands) == len(stem_bands) else picked * (len(stem_bands) / len(bands))


def stem_names(network: nn.Module) -> tuple[str, ...]:
    """Names of the weights that see the bands, as timm has them; none where timm does not say."""
    published: Any = getattr(network, "pretrained_cfg", None) or {}
    first: str | tuple[str, ...] = published.get("first_conv") or ()
    layers = (first,) if isinstance(first, str) else first
    expected = network.state_dict()
    return tuple(name for layer in layers if (name := f"{layer}.weight") in expected)


def fit_stem(
    network: nn.Module,
    state: Mapping[str, Tensor],
    *,
    rgb: tuple[int, int, int] | None,
    made_for_rgb: bool,
    bands: tuple[str, ...] | None,
    stem_bands: tuple[str, ...] | None,
    source: str,
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Copy of `state` with its stem brought to the bands of `network`, and what was done to it.

    With `stem_bands`, by name. Else a stem of three channels is taken for R, G, B, and one of as
    many channels as there are bands for made for these; of one that is both, `made_for_rgb` says
    which. A stem that differs in more than its bands is left for the audit to name.

    Raises:
        WeightsDoNotFitError: the names do not fit the stem or the data; or there are none, and the
            stem has neither three channels nor as many as there are bands.
    """
    fitted, expected = dict(state), network.state_dict()
    changes = []
    for name in stem_names(network):
        if name not in state or not _alike_but_bands(state[name], expected[name]):
            continue
        stem, count, how = state[name], expected[name].shape[1], ""
        if stem_bands is not None:
            assert bands is not None
            _check_names(stem.shape[1], stem_bands, bands, source)
            if stem_bands == bands:
                continue
            fitted[name] = pick_stem(stem, stem_bands, bands)
            others = [band for band in bands if band not in stem_bands]
            how = " by name" + f", the mean filter for {', '.join(others)}" * bool(others)
        elif stem.shape[1] == 3 and (count != 3 or made_for_rgb):
            fitted[name] = adapt_stem(stem, rgb, count)
        elif stem.shape[1] == count:
            continue
        else:
            raise WeightsDoNotFitError(
                f"{source} does not fit: its {name} takes {stem.shape[1]} channels and the data "
                f"have {count} bands; list under the checkpoint's `bands` what each channel is"
            )
        changes.append(f"{name} {shape_text(stem)} to {shape_text(fitted[name])}{how}")
    return fitted, tuple(changes)


def _alike_but_bands(stem: Tensor, expected: Tensor) -> bool:
    if stem.ndim != expected.ndim or stem.ndim < 4:  # with time, there are 5
        return False
    return (stem.shape[0], *stem.shape[2:]) == (expected.shape[0], *expected.shape[2:])


def _check_names(
    channels: int, stem_bands: tuple[str, ...], bands: tuple[str, ...], source: str
) -> None:
    if len(stem_bands) != channels or len(set(stem_bands)) != channels:
        raise WeightsDoNotFitError(
            f"{source} does not fit: its stem takes {channels} channels, and the checkpoint's "
            f"`bands` ({', '.join(stem_bands)}) must name each of them once"
        )
    if not set(stem_bands) & set(bands):
        raise WeightsDoNotFitError(
            f"{source} does not fit: none of the data's bands ({', '.join(bands)}) is among the "
            f"checkpoint's `bands` ({', '.join(stem_bands)}); name these as the data set does"
        )
