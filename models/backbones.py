"""Backbones: any timm model as features at strides 4, 8, 16 and 32.

Every family answers alike: `Backbone(images [B, C, S, S])` gives four maps, channels first, of
sizes S/4, S/8, S/16, S/32, for any number of bands C and any S that is a multiple of 32.
Hierarchical networks (ResNet, EfficientNet, Swin) have these maps already; a plain ViT has one
map, from which a simple feature pyramid is made (Li et al. 2022, "Exploring Plain Vision
Transformer Backbones for Object Detection", ViTDet).
"""

import difflib
import math
from typing import Any

import timm
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)


class UnknownBackboneError(ValueError):
    """timm has no model of this name, or it cannot give features at the four strides."""


def check_backbone(name: str) -> None:
    """Raise `UnknownBackboneError`, with the nearest right name, unless timm has `name`."""
    if timm.is_model(name):
        if "." in name and name not in (
            tags := timm.list_pretrained(f"{name.split('.', maxsplit=1)[0]}.*")
        ):
            raise UnknownBackboneError(
                f"timm has no weights '{name}'; there are: {', '.join(tags)}"
            )
        return
    known = timm.list_models()
    family = name.split("_", maxsplit=1)[0]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6) or timm.list_models(f"{family}*")
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise UnknownBackboneError(f"timm has no backbone '{name}'{hint}")


def timm_features(name: str, bands: int, image_size: int) -> nn.Module:
    """The bare timm network, returning NCHW maps; its `.model` has timm's own parameter names.

    Vision transformers and Swin need to know `image_size`; timm refuses the argument elsewhere,
    so it is asked of the model's own configuration.
    """
    fixed_size = bool(timm.get_pretrained_cfg_value(name, "fixed_input_size"))
    size = {"img_size": image_size} if fixed_size else {}
    return timm.create_model(name, features_only=True, feature_cls="getter", in_chans=bands, **size)


class Backbone(nn.Module):
    """A timm network with its pyramid: images [B, C, S, S] → four maps [B, C_i, S/s_i, S/s_i].

    Attributes:
        body: the timm network. `body.model` is what pretraining shapes and weights are kept for.
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
        """The timm network under its own parameter names: what initial weights are kept for."""
        network = self.body.model
        assert isinstance(network, nn.Module)
        return network

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S], float → maps at strides 4, 8, 16, 32."""
        maps = self.body(images)
        return [step(maps[level]) for level, step in zip(self.levels, self.pyramid, strict=True)]


def _rescale(width: int, factor: float) -> nn.Module:
    """Enlarge a map by `factor` (a power of two; below 1 it shrinks), ViTDet's way."""
    if factor < 1:
        return nn.MaxPool2d(kernel_size=round(1 / factor))
    steps: list[nn.Module] = []
    for _ in range(round(math.log2(factor))):
        steps += [nn.ConvTranspose2d(width, width, 2, stride=2), nn.GroupNorm(1, width), nn.GELU()]
    return nn.Sequential(*steps[:-1])
