"""The first layer of a network made for RGB, remade for any bands."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


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


def stem_names(network: nn.Module) -> tuple[str, ...]:
    """Names of the weights that see the bands, as timm has them; none where timm does not say."""
    published: Any = network.pretrained_cfg
    first: str | tuple[str, ...] = published.get("first_conv") or ()
    layers = (first,) if isinstance(first, str) else first
    expected = network.state_dict()
    return tuple(name for layer in layers if (name := f"{layer}.weight") in expected)


def fit_stem(
    network: nn.Module,
    state: Mapping[str, Tensor],
    rgb: tuple[int, int, int] | None,
    *,
    made_for_rgb: bool,
) -> dict[str, Tensor]:
    """Copy of `state` with its stem adapted from R, G, B to the bands of `network`.

    A stem of as many channels as there are bands is left alone, unless it is known to be
    `made_for_rgb`; so is one of neither three channels nor that many, for the audit to name.
    """
    fitted, expected = dict(state), network.state_dict()
    for name in stem_names(network):
        if name not in state or state[name].ndim != 4:
            continue
        channels, bands = state[name].shape[1], expected[name].shape[1]
        if channels == 3 and (bands != 3 or made_for_rgb):
            fitted[name] = adapt_stem(state[name], rgb, bands)
    return fitted
