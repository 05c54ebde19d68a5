"""Fine-tuning: how fast each layer of the backbone's network is trained."""

from collections.abc import Callable
from typing import Any

from timm.models import group_parameters
from torch import nn

from models.backbones import Backbone
from runs.errors import EosweepError


class NoLayersError(EosweepError):
    """The learning rate is to fall from layer to layer of a network that does not name them."""


def layer_numbers(backbone: Backbone) -> dict[str, int]:
    """The layer of each parameter of `backbone.network` by name; 0 is the one that sees the image.

    A layer is what timm's `group_matcher` takes for one: of a transformer a block, of a ResNet a
    residual block, of a VGG a convolution. The patch embedding with its positions, or the stem, is
    layer 0. Norms after the last block belong to it.

    Raises:
        NoLayersError: the network has no `group_matcher`.
    """
    network = backbone.network
    matcher: Callable[..., Any] | None = getattr(network, "group_matcher", None)
    if matcher is None:
        raise NoLayersError(
            f"layer_decay: {backbone.name} does not say what its layers are; leave it at 1 for "
            "this backbone, and lower backbone_lr instead"
        )
    numbers: dict[str, int] = group_parameters(network, matcher(coarse=False), reverse=True)
    return numbers


def rate_factors(
    backbone: Backbone, backbone_lr: float, layer_decay: float
) -> dict[nn.Parameter, float]:
    """What the learning rate of each parameter of `backbone.network` is multiplied by.

    `backbone_lr` for the last layer, and for each one before it `layer_decay` times that of the
    one after it (Howard & Ruder 2018, "Universal Language Model Fine-tuning"; Bao et al. 2022,
    "BEiT"). What the project puts over the network, as a plain ViT's pyramid, is new and not in it.

    Raises:
        NoLayersError: `layer_decay` is not 1, and the network does not name its layers.
    """
    parameters = dict(backbone.network.named_parameters())
    if layer_decay == 1:
        return dict.fromkeys(parameters.values(), backbone_lr)
    numbers = layer_numbers(backbone)
    last = max(numbers.values())
    return {
        parameter: backbone_lr * layer_decay ** (last - numbers[name])
        for name, parameter in parameters.items()
    }
