"""Zoom-out features: a VGG's description of a pixel, from its colour to the scene around it.

The hypercolumn of a pixel is the vector of the activations above it in all layers (Hariharan et
al. 2015, "Hypercolumns for Object Segmentation and Fine-grained Localization"; Mostajabi et al.
2015, "Feedforward Semantic Segmentation with Zoom-out Features"): each layer's map enlarged
bilinearly to the image's size, half-pixel centres, all of them stacked. Stacked at full size they
take 17 kB a pixel, and so nothing here stacks them: maps are kept in *scales*, the layers of one
resolution concatenated, and what is needed of the stack (its moments, single pixels, the first
layer of a classifier) is computed from those.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from timm.models.vgg import VGG
from torch import Tensor, nn

from models.backbones import Backbone, UnknownBackboneError
from models.heads.hypercolumn.options import Layers

CONSTANT = 1e-6
"""A channel that deviates less, relative to its mean, has one value apart from rounding."""


class ZoomOut:
    """Images [B, C, S, S] → scales: maps [B, C_i, S/2^i, S/2^i], the first with the images in it.

    It is not a module, because the network belongs to the backbone: its parameters are listed once.

    Attributes:
        widths: channels C_i of each scale.

    Raises:
        UnknownBackboneError: the backbone is not a VGG.
    """

    def __init__(self, backbone: Backbone, layers: Layers) -> None:
        if not isinstance(backbone.network, VGG):
            raise UnknownBackboneError(
                "the hypercolumn head reads the convolutions of a VGG, such as vgg11 or vgg16: "
                f"'{backbone.name}' is not a VGG"
            )
        steps = list(backbone.network.features)
        last = max(i for i, step in enumerate(steps) if isinstance(step, nn.ReLU))
        self.steps = steps[: last + 1]
        self.read = frozenset(
            i
            for i, step in enumerate(self.steps)
            if isinstance(step, nn.ReLU)
            and (layers == "all" or isinstance(steps[i + 1], nn.MaxPool2d))
        )
        self.widths = self._widths(backbone.bands)

    def _widths(self, bands: int) -> tuple[int, ...]:
        widths, width = [bands], 0
        for index, step in enumerate(self.steps):
            match step:
                case nn.Conv2d():
                    width = step.out_channels
                case nn.MaxPool2d():
                    widths.append(0)
            widths[-1] += width * (index in self.read)
        return tuple(widths)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> list[Tensor]:
        """The scales of `images`, without gradients: the network is frozen."""
        scales, features = [[images]], images
        for index, step in enumerate(self.steps):
            features = step(features)
            if isinstance(step, nn.MaxPool2d):
                scales.append([])
            if index in self.read:
                scales[-1].append(features)
        return [torch.cat(maps, dim=1) for maps in scales]


def at_pixels(scales: Sequence[Tensor], image: int, pixels: Tensor) -> Tensor:
    """Hypercolumns [N, sum of C_i] of the pixels [N] of one image, as y · S + x."""
    size = scales[0].shape[-1]
    centres = torch.stack([pixels % size, pixels // size], dim=-1) + 0.5
    grid = (2 * centres / size - 1).to(scales[0].dtype)[None, None]
    columns = [
        F.grid_sample(maps[image, None], grid, padding_mode="border", align_corners=False)
        for maps in scales
    ]
    return torch.cat(columns, dim=1)[0, :, 0].T


def enlarging(side: int, size: int, like: Tensor) -> Tensor:
    """The matrix E [S, s] of bilinear enlargement: a map M [s, s] becomes E M Eᵀ [S, S].

    A row has two values that are not 0, and they sum to 1. In the type and on the device of `like`.
    """
    unit = torch.eye(side, dtype=like.dtype, device=like.device)
    return F.interpolate(unit[None], size=size, mode="linear", align_corners=False)[0].T


def part(matrix: Tensor, pixels: slice) -> tuple[Tensor, slice]:
    """The rows of an enlargement E [S, s] that give some `pixels` of a line, and what they need.

    Args:
        pixels: begins and ends at multiples of the factor S / s; may end beyond S.

    Returns:
        Those rows, with the columns of the part of the map that they need; and that part.
    """
    size, side = matrix.shape
    factor = size // side
    # Interpolation reads a neighbour on either side, where there is one.
    needed = slice(max(pixels.start // factor - 1, 0), min(pixels.stop // factor + 1, side))
    return matrix[pixels, needed], needed


class Moments:
    """Mean and standard deviation of every channel over all pixels at full size, batch by batch.

    Sums of squares are of deviations from each batch's own mean, and merged as by Chan, Golub and
    LeVeque (1983): a mean far from 0 costs no digits.
    """

    def __init__(self, channels: int) -> None:
        self.pixels = 0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def add(self, scales: Sequence[Tensor]) -> None:
        """Add a batch."""
        size = scales[0].shape[-1]
        pixels = len(scales[0]) * size**2
        # Every pixel of a map has the same share in its enlargement, so that their means agree.
        mean = torch.cat([maps.mean(dim=(0, 2, 3)) for maps in scales]).cpu().double()
        squares = torch.cat([_squares(maps, size) for maps in scales]).cpu().double()
        total = self.pixels + pixels
        shift = mean - self.mean
        self.mean += shift * (pixels / total)
        self.squares += squares + shift**2 * (self.pixels * pixels / total)
        self.pixels = total

    def result(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations, float64; 1 for the deviation of a constant channel."""
        std = (self.squares / self.pixels).sqrt()
        return self.mean, torch.where(std <= CONSTANT * self.mean.abs(), 1.0, std)


def _squares(maps: Tensor, size: int) -> Tensor:
    """Sum of squared deviations [C] of `maps` [B, C, s, s] enlarged to `size`.

    For a map M and its enlargement E M Eᵀ that is the sum over M · (G M G), G = Eᵀ E [s, s], which
    needs nothing of full size.
    """
    deviations = maps - maps.mean(dim=(0, 2, 3), keepdim=True)
    matrix = enlarging(maps.shape[-1], size, maps)
    gram = matrix.T @ matrix
    return (deviations * (gram @ deviations @ gram)).sum(dim=(0, 2, 3))
