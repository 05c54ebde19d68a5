"""Backbones: any timm model as features at strides 4, 8, 16 and 32.

Every family has the same output: `Backbone(images [B, C, S, S])` gives four maps, channels first,
of sizes S/4, S/8, S/16, S/32, for any number of bands C and any S that is a multiple of 32.
Hierarchical networks (ResNet, EfficientNet, Swin) have these maps already; a plain ViT has one
map, from which a simple feature pyramid is made (Li et al. 2022, "Exploring Plain Vision
Transformer Backbones for Object Detection", ViTDet).
"""

import math
from typing import Any

import timm
from torch import Tensor, nn

from runs.errors import EosweepError, did_you_mean

STRIDES = (4, 8, 16, 32)


class UnknownBackboneError(EosweepError):
    """timm has no model of this name, or a head cannot use its features."""


def check_backbone(name: str) -> None:
    """Raise `UnknownBackboneError`, with the nearest right name, unless timm has `name`.

    A name may end in a tag of pretrained weights: `resnet18.a1_in1k`.
    """
    model, dot, tag = name.partition(".")
    if not timm.is_model(model):
        hint = did_you_mean(model, timm.list_models())
        raise UnknownBackboneError(f"timm has no backbone '{name}'{hint}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{model}.*")]
    if dot and tag not in tags:
        hint = did_you_mean(tag, tags)
        raise UnknownBackboneError(f"timm has no weights '{tag}' of {model}{hint}")


def timm_features(name: str, bands: int, image_size: int) -> nn.Module:
    """The bare timm network, returning NCHW maps; its `.model` has timm's own parameter names.

    Vision transformers and Swin are built for one `image_size`; timm refuses the argument for other
    models, so the model's own configuration decides.
    """
    fixed_size = bool(timm.get_pretrained_cfg_value(name, "fixed_input_size"))
    size = {"img_size": image_size} if fixed_size else {}
    return timm.create_model(name, features_only=True, feature_cls="getter", in_chans=bands, **size)


class Backbone(nn.Module):
    """A timm network with its pyramid: images [B, C, S, S] → four maps [B, C_i, S/s_i, S/s_i].

    Attributes:
        body: the timm network, see `network`.
        channels: number of channels C_i of each of the four maps.
    """

    def __init__(self, name: str, bands: int, image_size: int) -> None:
        super().__init__()
        check_backbone(name)
        if image_size % 32:
            raise ValueError(f"image_size {image_size} is not a multiple of 32")
        self.name, self.bands, self.image_size = name, bands, image_size
        self.body = timm_features(name, bands, image_size)
        info: Any = self.body.feature_info
        reductions: list[int] = info.reduction()
        channels: list[int] = info.channels()
        if set(STRIDES) <= set(reductions):
            self.levels = [len(reductions) - 1 - reductions[::-1].index(s) for s in STRIDES]
            self.pyramid = nn.ModuleList(nn.Identity() for _ in STRIDES)
            self.channels = [channels[level] for level in self.levels]
        elif len(set(reductions)) == 1 and math.log2(reductions[-1]).is_integer():
            width = channels[-1]
            self.levels = [len(reductions) - 1] * len(STRIDES)
            self.pyramid = nn.ModuleList(_rescale(width, reductions[-1] / s) for s in STRIDES)
            self.channels = [width] * len(STRIDES)
        else:
            raise UnknownBackboneError(
                f"backbone '{name}' has features at strides {reductions}; needed are "
                f"{list(STRIDES)}, or one stride that is a power of two"
            )

    @property
    def network(self) -> nn.Module:
        """The timm network under its own parameter names: the part that has initial weights."""
        network = self.body.model
        assert isinstance(network, nn.Module)
        return network

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S], float → maps at strides 4, 8, 16, 32."""
        maps = self.body(images)
        return [step(maps[level]) for level, step in zip(self.levels, self.pyramid, strict=True)]


def _rescale(width: int, factor: float) -> nn.Module:
    """Enlarge a map by `factor` (a power of two; below 1 it shrinks), as ViTDet does."""
    if factor < 1:
        return nn.MaxPool2d(kernel_size=round(1 / factor))
    steps: list[nn.Module] = []
    for _ in range(round(math.log2(factor))):
        steps += [nn.ConvTranspose2d(width, width, 2, stride=2), nn.GroupNorm(1, width), nn.GELU()]
    return nn.Sequential(*steps[:-1])
