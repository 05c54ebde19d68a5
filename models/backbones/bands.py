"""Bands for networks that want certain ones, in their order."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.backbones.source import BandsError, Images

SURFACE_REFLECTANCE = (
    *("coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078"),
    *("nir", "nir08", "nir09", "swir16", "swir22"),
)
"""The twelve bands of Sentinel-2's level 2A, by wavelength: all but the cirrus band."""


class Chosen(nn.Module):
    """Images with the bands that a network wants, in its order.

    Args:
        wanted: by common name.
        images: what bands they have, and what stands for one that they lack.

    Raises:
        BandsError: they lack one, and nothing stands for it.
    """

    def __init__(self, network: str, wanted: Sequence[str], images: Images) -> None:
        super().__init__()
        keys = [band.key for band in images.bands]
        lacking = [key for key in wanted if key not in keys]
        if len(lacking) == len(wanted) or (lacking and images.missing == "error"):
            names = ", ".join(band.name for band in images.bands)
            raise BandsError(
                f"{network} wants {', '.join(lacking)}, which the data's bands ({names}) lack: "
                "choose other dataset.bands, or set missing_bands: mean, which puts the mean of "
                "the other bands there"
            )
        self.order = [keys.index(key) if key in keys else None for key in wanted]

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, S, S] → [B, wanted, S, S]."""
        there = [index for index in self.order if index is not None]
        mean = images[:, there].mean(dim=1)
        chosen = [mean if index is None else images[:, index] for index in self.order]
        return torch.stack(chosen, dim=1)
