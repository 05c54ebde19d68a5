"""From stored values to what a model takes: stretch, then mean and deviation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalisation(nn.Module):
    """What `datasets.batches` does to images, as a module that can be exported with the model.

    Args:
        stretch: for each of C bands the stored values that become 0, and those that become 1,
            beyond which values are cut off; None leaves them as they are.
        mean, std: of each band, after the stretch.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        stretch: Sequence[Sequence[float]] | None,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.stretches = stretch is not None
        low, high = stretch or ([0.0] * len(mean), [1.0] * len(mean))
        for name, values in {"low": low, "high": high, "mean": mean, "std": std}.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Stored values float32 [B, C, S, S] → standardised ones."""
        if self.stretches:
            images = ((images - self.low) / (self.high - self.low)).clamp(0, 1)
        return (images - self.mean) / self.std

    def stored(self, images: Tensor) -> Tensor:
        """Standardised images [B, C, S, S] → the stored values that become them."""
        return (images * self.std + self.mean) * (self.high - self.low) + self.low
