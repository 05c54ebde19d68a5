"""RoIAlign on small maps as products of matrices: the CPU has those fast, and not its gradient.

He et al. 2017, "Mask R-CNN". A cell of a region is the mean of samples, each interpolated
bilinearly, on a grid: a weighted mean over rows and columns of the map. The weights of its row and
of its column do not depend on each other, so that a region is rows · map · columns.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import _setup_scales

LARGEST = 32
"""Side of the largest map in px: of larger ones, products would take longer than torchvision."""


class RoIAlign(MultiScaleRoIAlign):
    """torchvision's, with the same values to rounding, in the type of the maps."""

    def forward(
        self, x: Mapping[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> Tensor:
        """Maps [B, C, H, W] by name and regions [N, 4] of each image, xyxy in px of the image, to
        [all regions, C, `output_size`]."""
        maps = [x[name] for name in self.featmap_names]
        if maps[0].device.type != "cpu" or max(max(one.shape[-2:]) for one in maps) > LARGEST:
            aligned: Tensor = super().forward(x, boxes, image_shapes)
            return aligned
        scales, mapper = _setup_scales(
            maps, image_shapes, self.canonical_scale, self.canonical_level
        )
        levels = mapper(boxes).split([len(regions) for regions in boxes])
        found = []
        with torch.autocast("cpu", enabled=False):
            for image, (regions, of_regions) in enumerate(zip(boxes, levels, strict=True)):
                cells = maps[0].new_zeros(len(regions), maps[0].shape[1], *self.output_size)
                for level, scale in enumerate(scales):
                    rows = torch.where(of_regions == level)[0]
                    if len(rows):
                        cells[rows] = self._cells(maps[level][image], regions[rows] * scale)
                found.append(cells)
        return torch.cat(found)

    def _cells(self, one: Tensor, regions: Tensor) -> Tensor:
        """A map [C, H, W] in regions [N, 4], xyxy in its px → [N, C, `output_size`]."""
        (channels, height, width), (rows, columns) = one.shape, self.output_size
        x, y, x_end, y_end = regions.unbind(dim=1)
        across = self._weights(x, x_end, width, columns).flatten(0, 1)
        down = self._weights(y, y_end, height, rows)
        narrowed = (one.flatten(0, 1) @ across.T).view(channels, height, -1, columns)
        of_regions = narrowed.permute(2, 1, 0, 3).flatten(2)
        return (down @ of_regions).unflatten(2, (channels, columns)).transpose(1, 2)

    def _weights(self, start: Tensor, end: Tensor, size: int, cells: int) -> Tensor:
        """What each px of an axis weighs in each cell of regions: [N, `cells`, `size`].

        As in torchvision (`aligned=False`): a region is at least 1 px wide, samples up to a px
        beyond the map are those of its border, and farther ones are 0.
        """
        samples = cells * self.sampling_ratio
        places = (torch.arange(samples, device=start.device) + 0.5) / samples
        at = start[:, None] + (end - start).clamp(min=1)[:, None] * places
        inside = (at >= -1) & (at <= size)
        away = at.clamp(0, size - 1)[..., None] - torch.arange(size, device=start.device)
        weights = (1 - away.abs()).clamp(min=0) * inside[..., None]
        return weights.unflatten(1, (cells, self.sampling_ratio)).mean(dim=2)
