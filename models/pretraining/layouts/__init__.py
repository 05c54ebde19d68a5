"""Layouts of weights that neither the network's own names nor a prefix explain: a module each.

What needs none of them: timm's own layout behind any container and prefix. That is how torchgeo
keeps ResNets and ViTs, and open_clip the image encoders it has from timm (`visual.trunk.…`).
"""

from collections.abc import Mapping

from torch import Tensor, nn

from models.pretraining.layouts import clip, satmae, torchvision_swin
from models.pretraining.layouts.translation import Layout, Translation

LAYOUTS: tuple[Layout, ...] = (clip.translate, satmae.translate, torchvision_swin.translate)


def translate(network: nn.Module, tensors: Mapping[str, Tensor]) -> Translation:
    """`tensors` under timm's names if they are of a layout known here, else as they are."""
    translations = (layout(network, tensors) for layout in LAYOUTS)
    return next(filter(None, translations), Translation(dict(tensors)))
