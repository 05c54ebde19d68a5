"""A backbone: whatever its source and family, features at strides 4, 8, 16 and 32.

`Backbone(images [B, C, S, S])` gives four maps, channels first, of sizes S/4, S/8, S/16, S/32, for
any S that is a multiple of 32. Hierarchical networks (ResNet, EfficientNet, Swin) have these maps
already. A plain vision transformer has the same stride in every block: the maps of four blocks at
even depths are resampled to the four strides by the steps of ViTDet's simple feature pyramid (Li et
al. 2022, "Exploring Plain Vision Transformer Backbones for Object Detection").
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from datasets.spectrum import Band, as_bands
from models.backbones import source_and_name
from models.backbones.source import Images, MissingBands, UnknownBackboneError

STRIDES = (4, 8, 16, 32)
Answer = Callable[[Tensor], list[Tensor]]
"""Images [B, C, S, S] → the maps of `Backbone.network_maps`."""


def check_backbone(name: str) -> None:
    """Raise `UnknownBackboneError`, with the nearest right name, unless a source has `name`."""
    source, own_name = source_and_name(name)
    source.library.check(own_name)


class Backbone(nn.Module):
    """A network with its pyramid: images [B, C, S, S] → four maps [B, C_i, S/s_i, S/s_i].

    Args:
        name: `SOURCE/NAME`, or a name of timm's.
        bands: what each channel of the images is, or names of bands, or a number of bands of which
            nothing is known.
        image_size: S.
        missing_bands: what stands for a band that the network wants and the images lack.

    Attributes:
        body: gives the network's own maps, see `Features`.
        reductions, widths: stride and channels of each of these maps.
        channels: number of channels C_i of each of the four maps.
        bands: number of bands C.
        spectrum: what they are.
        notes: what a person should know of the network, as clauses.

    Raises:
        UnknownBackboneError: there is no such backbone, its library is not installed, or its maps
            have other strides.
        BandsError: the network cannot see these bands.
        ValueError: S is no multiple of 32.
    """

    def __init__(
        self,
        name: str,
        bands: int | Sequence[str | Band],
        image_size: int,
        missing_bands: MissingBands = "error",
    ) -> None:
        super().__init__()
        check_backbone(name)
        if image_size % 32:
            raise ValueError(f"image_size {image_size} is not a multiple of 32")
        self.spectrum = as_bands(bands)
        self.name, self.bands, self.image_size = name, len(self.spectrum), image_size
        self._answer: Answer | None = None
        source, own_name = source_and_name(name)
        images = Images(self.spectrum, image_size, missing_bands)
        features = source.library.build(own_name, images)
        self.body, self.notes = features.body, features.notes
        self.reductions, self.widths = list(features.reductions), list(features.channels)
        if set(STRIDES) <= set(self.reductions):
            last = len(self.reductions) - 1
            self.levels = [last - self.reductions[::-1].index(s) for s in STRIDES]
            self.pyramid = nn.ModuleList(nn.Identity() for _ in STRIDES)
        elif len(set(self.reductions)) == 1 and math.log2(self.reductions[-1]).is_integer():
            self.levels = list(range(len(STRIDES)))
            own = self.reductions[-1]
            steps = [_rescale(self.widths[-1], own / stride) for stride in STRIDES]
            self.pyramid = nn.ModuleList(steps)
            # Stored with the weights, and so part of their architecture: weights that were trained
            # on other maps of the same network are refused.
            self.register_buffer("levels_read", torch.tensor(self.levels))
        else:
            raise UnknownBackboneError(
                f"backbone '{name}' has features at strides {self.reductions}; needed are "
                f"{list(STRIDES)}, or one stride that is a power of two"
            )
        self.channels = [self.widths[level] for level in self.levels]

    @property
    def network(self) -> nn.Module:
        """The network under its library's parameter names: the part that has initial weights."""
        network = self.body.model
        assert isinstance(network, nn.Module)
        return network

    def network_maps(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S], float → what the pyramid reads of the network, each map once."""
        maps = self.body(images)
        return [maps[level] for level in dict.fromkeys(self.levels)]

    @contextmanager
    def answering(self, answer: Answer) -> Iterator[None]:
        """Within, `answer` stands for the network: its maps are known, or somebody listens."""
        before, self._answer = self._answer, answer
        try:
            yield
        finally:
            self._answer = before

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S], float → maps at strides 4, 8, 16, 32."""
        maps = (self._answer or self.network_maps)(images)
        by_level = dict(zip(dict.fromkeys(self.levels), maps, strict=True))
        return [step(by_level[one]) for one, step in zip(self.levels, self.pyramid, strict=True)]


def _rescale(width: int, factor: float) -> nn.Module:
    """Enlarge a map by `factor` (a power of two; below 1 it shrinks), as ViTDet does."""
    if factor < 1:
        return nn.MaxPool2d(kernel_size=round(1 / factor))
    steps: list[nn.Module] = []
    for _ in range(round(math.log2(factor))):
        steps += [nn.ConvTranspose2d(width, width, 2, stride=2), nn.GroupNorm(1, width), nn.GELU()]
    return nn.Sequential(*steps[:-1])
