"""terratorch's networks as features. terratorch is imported when one is built."""

from typing import Any

import torch
from torch import Tensor, nn

from models.backbones.bands import SURFACE_REFLECTANCE, Chosen
from models.backbones.features import BlockMaps, Features, as_map, evenly, patch_note
from models.backbones.source import Images
from models.backbones.torchgeo_networks import finest_distance, wavelengths_of

PATCH = 16
SMALL_KINDS = {"RGB": ("red", "green", "blue"), "S1GRD": ("vv", "vh")}
"""What TerraMind calls images of few bands, and their order; others must be Sentinel-2's."""
CLAY_RADAR = {"vv": 3.5, "vh": 4.0}
"""What Clay's authors give for Sentinel-1 among wavelengths in µm."""


class Prithvi(BlockMaps):
    """Prithvi's encoder, of images of one moment."""

    def run(self, images: Tensor) -> None:
        """`forward` would mask patches."""
        model: Any = self.model
        model.forward_features(images)


def prithvi(patch: int, name: str, images: Images) -> Features:
    """Prithvi, of any bands; `patch` is the side of the patches that it was published with."""
    from terratorch.registry import BACKBONE_REGISTRY

    model: Any = BACKBONE_REGISTRY.build(
        name,
        pretrained=False,
        bands=list(range(len(images.bands))),
        num_frames=1,
        img_size=images.size,
        patch_size=[1, PATCH, PATCH],
    )
    # terratorch puts a function of its own in place of the method, which a copy would share.
    vars(model).pop("forward", None)
    model.pretrained_cfg = {"first_conv": "patch_embed.proj"}
    notes = () if patch == PATCH else (patch_note(patch),)
    return Features(Prithvi(model, "blocks", PATCH), [PATCH] * 4, [int(model.embed_dim)] * 4, notes)


class TerraMind(BlockMaps):
    """TerraMind's encoder of one kind of image."""

    def __init__(self, model: Any, chosen: Chosen) -> None:
        super().__init__(model, "encoder", PATCH)
        self.chosen = chosen

    def run(self, images: Tensor) -> None:
        """The bands of its kind, in its order."""
        self.model(self.chosen(images))


def terramind(name: str, images: Images) -> Features:
    """TerraMind, which sees the bands that it knows."""
    from terratorch.registry import BACKBONE_REGISTRY

    keys = {band.key for band in images.bands}
    kind = next((kind for kind, own in SMALL_KINDS.items() if keys <= set(own)), "S2L2A")
    chosen = Chosen("TerraMind", SMALL_KINDS.get(kind, SURFACE_REFLECTANCE), images)
    device = torch.get_default_device()
    with torch.device("cpu"):  # it looks at values, which networks on the meta device do not have
        model: Any = BACKBONE_REGISTRY.build(
            name, pretrained=False, modalities=[kind], img_size=images.size
        )
    model.to(device)
    width = int(model.out_channels[-1])
    return Features(TerraMind(model, chosen), [PATCH] * 4, [width] * 4)


class Clay(nn.Module):
    """Clay's encoder, its blocks pairs of layers, which no hook sees whole."""

    wavelengths: Tensor
    positions: Tensor

    def __init__(self, encoder: Any, wavelengths: Tensor, positions: Tensor) -> None:
        super().__init__()
        self.model = encoder
        self.register_buffer("wavelengths", wavelengths, persistent=False)
        self.register_buffer("positions", positions, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S] → four maps [B, D, S / 8, S / 8]."""
        model: Any = self.model
        patches, _ = model.to_patch_embed(images, self.wavelengths)
        whole = model.cls_token.expand(len(images), -1, -1)
        after = model.transformer(torch.cat([whole, patches + self.positions], dim=1))
        side = images.shape[-1] // model.patch_size
        return [as_map(after[index], side) for index in evenly(len(after))]


def clay(_name: str, images: Images) -> Features:
    """Clay v1: its first layer is made from wavelengths; time and place are zeros, as untold."""
    from terratorch.models.backbones.clay_v1.embedder import Embedder

    wavelengths = torch.tensor(wavelengths_of(images.bands, "Clay", CLAY_RADAR))
    metres, note = finest_distance(images.bands, "Clay")
    encoder: Any = Embedder(img_size=images.size).clay_encoder
    encoder.transformer.norm = nn.Identity()
    encoder.pretrained_cfg = {}
    width, patch = encoder.dim, encoder.patch_size
    untold = torch.zeros(1, 4)
    positions = encoder.add_encodings(
        torch.zeros(1, encoder.num_patches, width), untold, untold, metres
    )
    body = Clay(encoder, wavelengths, positions)
    notes = (note, "it is told neither time nor place")
    return Features(body, [patch] * 4, [width] * 4, notes)
