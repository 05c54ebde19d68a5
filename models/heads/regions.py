"""Which regions of an image a detector learns from: those that lie on pixels with data."""

import torch
from torch import Tensor

from datasets.boxes import on_data


def seen(regions: Tensor, valid: Tensor) -> Tensor:
    """Bool [N]: the regions [N, 4], xyxy in px, that lie on pixels with data, bool [S, S].

    They are those that metrics count, see `datasets.boxes.on_data`; all of them if none does, as a
    loss of nothing is no number.
    """
    found = on_data(regions.detach().cpu().numpy(), valid.cpu().numpy())
    shown = torch.from_numpy(found).to(regions.device)
    return shown if shown.any() else torch.ones_like(shown)
