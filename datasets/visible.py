"""Images of any bands and values as pictures for a person."""

import torch
from torch import Tensor


def visible(images: Tensor, rgb: tuple[int, int, int] | None) -> Tensor:
    """Images [B, C, S, S] → uint8 [B, 3, S, S]: the 2nd to 98th percentile of each band to 0 … 255.

    Where red, green and blue are not all among the bands, the first band is shown in grey.
    """
    shown = images[:, list(rgb)] if rgb else images[:, :1].expand(-1, 3, -1, -1)
    pixels = shown.transpose(0, 1).flatten(1)
    low, high = pixels.quantile(torch.tensor([0.02, 0.98]), dim=1).view(2, 1, 3, 1, 1)
    return ((shown - low) / (high - low).clamp(min=1e-6) * 255).clamp(0, 255).to(torch.uint8)
