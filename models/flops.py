"""What an epoch of a model costs, counted and not measured: the same number on every machine."""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.model import Model


def epoch_cost(model: Model, images: tuple[int, int], frozen: bool, *, kept: bool = False) -> int:
    """Millions of floating-point operations of an epoch, at least 1.

    Training a layer counts as three forward passes, because its backward pass computes the gradient
    of its input and that of its weights.

    Args:
        model: on the meta device, where operations are counted and not done.
        images: how many are trained on, and how many are scored.
        frozen: whether the backbone's network is only run forward.
        kept: whether it is not run at all, because what it gives is kept, see `models.features`;
            that it is once, and that reading takes time, is not counted.
    """
    model.eval()  # a batch of one has no statistics
    training, scored = images
    backbone = model.backbone
    image = torch.zeros(1, backbone.bands, backbone.image_size, backbone.image_size, device="meta")
    whole = _count(model.pass_through, image)
    network = _count(backbone.network_maps, image)
    over_it = whole - network
    forward = 0 if kept else network
    training_network = forward if frozen else 3 * network
    operations = training * (3 * over_it + training_network) + scored * (over_it + forward)
    return max(1, round(operations / 1e6))


def _count(layers: Callable[[torch.Tensor], object], image: torch.Tensor) -> int:
    """Floating-point operations of a forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layers(image)
    return int(counter.get_total_flops())
