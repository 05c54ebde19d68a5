"""Superpixels: the image elements of the zoom-out paper, each described by the mean of its pixels.

Mostajabi et al. 2015, "Feedforward Semantic Segmentation with Zoom-out Features". They are found by
SLIC (Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods"):
k-means of position and colour, in connected parts.
"""

from collections.abc import Sequence

import numpy as np
import torch
from skimage.segmentation import slic
from torch import Tensor

from datasets.source import IGNORE
from models.heads.hypercolumn.features import enlarging

COMPACTNESS = 15.0
"""The paper's: so far apart in CIELAB counts as much as a superpixel's side in the image."""

LAB_PER_STD = 25.0
"""What one standard deviation of a band counts as in CIELAB: lightness, which ranges over 100, and
four standard deviations, which hold 95 % of a normal distribution, are alike."""


def find_superpixels(image: Tensor, about: int) -> Tensor:
    """Standardised image [C, S, S] → int64 [S, S], ids 0 … N − 1 of N superpixels, N near `about`.

    CIELAB is defined for red, green and blue alone. Here, colours of any bands are as far apart as
    the root mean square of the differences in all bands, see `LAB_PER_STD`. Pixels without data
    are 0 in every band, as in `datasets.batches.Batch`, and are grouped by that colour.
    """
    bands = image.detach().float().cpu().numpy().transpose(1, 2, 0)
    colours = bands * (LAB_PER_STD / np.sqrt(bands.shape[2]))
    # scikit-image divides colours by their range in this image, which would then decide what is
    # compact: the same division of the compactness undoes it.
    span = float(np.ptp(colours)) or 1.0
    ids = slic(
        colours,
        n_segments=about,
        compactness=COMPACTNESS / span,
        convert2lab=False,
        start_label=0,
        channel_axis=-1,
    )
    return torch.from_numpy(ids.astype(np.int64)).to(image.device)


def majority(superpixels: Tensor, mask: Tensor) -> Tensor:
    """The class of most pixels of each of N superpixels, uint8 [N]; of a tie, the lower id.

    Args:
        superpixels: int64 [S, S], ids 0 … N − 1.
        mask: uint8 [S, S], class ids. `IGNORE` does not count, and is the class of a superpixel
            that has no other pixels.
    """
    count = int(superpixels.max()) + 1
    pairs = superpixels * (IGNORE + 1) + mask
    pixels = torch.bincount(pairs.flatten(), minlength=count * (IGNORE + 1))
    of_classes = pixels.view(count, IGNORE + 1)[:, :IGNORE]
    classes = of_classes.argmax(dim=1)
    return classes.where(of_classes.any(dim=1), IGNORE).to(torch.uint8)


def superpixel_means(scales: Sequence[Tensor], image: int, superpixels: Tensor) -> Tensor:
    """Mean hypercolumns float32 [N, sum of C_i] of the superpixels [S, S] of one image."""
    with torch.autocast(superpixels.device.type, enabled=False):  # sparse products are of float32
        means = [
            averaging(superpixels, maps.shape[-1]) @ maps[image].flatten(1).T.float()
            for maps in scales
        ]
    return torch.cat(means, dim=1)


def averaging(superpixels: Tensor, side: int) -> Tensor:
    """The matrix [N, s · s], sparse, from a map's values to their means over superpixels [S, S].

    A pixel of the enlarged map is a weighted sum of four values of the map at most, and a mean of
    pixels is one of few more: the map is never enlarged.
    """
    count = int(superpixels.max()) + 1
    areas = torch.bincount(superpixels.flatten(), minlength=count)
    unit = torch.empty(0, device=superpixels.device)
    weights, cells = enlarging(side, len(superpixels), unit).topk(2, dim=1)
    share = weights[:, None, :, None] * weights[None, :, None, :]
    share = share / areas[superpixels][:, :, None, None]
    columns = side * cells[:, None, :, None] + cells[None, :, None, :]
    rows = superpixels[:, :, None, None].expand_as(columns)
    used = share > 0
    entries = torch.stack([rows[used], columns[used]])
    shape = (count, side**2)
    return torch.sparse_coo_tensor(entries, share[used], shape, check_invariants=False).coalesce()
