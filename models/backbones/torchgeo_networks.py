"""torchgeo's networks as features. torchgeo is imported when one is built."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from timm.layers import build_sincos2d_pos_embed
from torch import Tensor, nn

from datasets.spectrum import Band
from models.backbones.bands import SURFACE_REFLECTANCE, Chosen
from models.backbones.features import BlockMaps, Features, as_map, evenly, patch_note
from models.backbones.published import Scale
from models.backbones.source import BandsError, Images

PATCH = 16
RADAR_CHANNELS = {"vv": -1, "vh": -2, "hh": -3, "hv": -4}
"""Panopticon's numbers of transmitted and received polarisation, the orbit not known."""
DOFA_RADAR = dict.fromkeys(RADAR_CHANNELS, 5.405)
"""What DOFA's authors give for Sentinel-1 among wavelengths in µm; it is its frequency in GHz."""


def wavelengths_of(bands: Sequence[Band], network: str, radar: Mapping[str, float]) -> list[float]:
    """The wavelength of each band, µm; `radar` has what stands for it, by polarisation.

    Raises:
        BandsError: it is not known of a band.
    """
    found = {band.name: radar.get(band.key, band.wavelength) for band in bands}
    if lacking := [name for name, wavelength in found.items() if wavelength is None]:
        raise BandsError(
            f"{network} wants the wavelength of each band, and that of {', '.join(lacking)} is not "
            "known: choose other dataset.bands, or give dataset.wavelengths: "
            f"{{{lacking[0]}: µm}}"
        )
    return [wavelength for wavelength in found.values() if wavelength is not None]


class Spectral(BlockMaps):
    """A vision transformer whose patch embedding is made from the wavelengths of the bands."""

    wavelengths: Tensor

    def __init__(self, model: Any, wavelengths: Sequence[float], patch: int = PATCH) -> None:
        super().__init__(model, "blocks", patch)
        self.register_buffer("wavelengths", torch.tensor(wavelengths), persistent=False)

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B, C, S, S] → tokens [B, N, D] of patches, positions [1, 1 + N, D]."""
        model: Any = self.model
        return model.patch_embed(images, self.wavelengths)[0], model.pos_embed

    def run(self, images: Tensor) -> None:
        """As the model's `forward_features`, which pools all patches in the end."""
        model: Any = self.model
        patches, positions = self.embed(images)
        whole = (model.cls_token + positions[:, :1]).expand(len(images), -1, -1)
        tokens = torch.cat([whole, patches + positions[:, 1:]], dim=1)
        for block in model.blocks:
            tokens = block(tokens)


def finest_distance(bands: Sequence[Band], network: str) -> tuple[float, str]:
    """The finest ground sampling distance of the bands, m, 1 if none is known; a note of it."""
    known = [band.gsd for band in bands if band.gsd is not None]
    metres = min(known, default=1.0)
    told = "" if known else ", because that of the data is not known"
    return metres, f"{network}'s positions are for {metres:g} m a pixel{told}"


def dofa(width: int, depth: int, heads: int, images: Images) -> Features:
    """DOFA."""
    from torchgeo.models import DOFA

    wavelengths = wavelengths_of(images.bands, "DOFA", DOFA_RADAR)
    model = DOFA(img_size=images.size, embed_dim=width, depth=depth, num_heads=heads, num_classes=0)
    _without_head(model, images.size, width)
    return _of_blocks(Spectral(model, wavelengths), width)


class Copernicus(Spectral):
    """Copernicus-FM's spectral half, of images whose place, date and area are not told."""

    widths: Tensor

    def __init__(self, model: Any, wavelengths: Sequence[float], widths: Sequence[float]) -> None:
        super().__init__(model, wavelengths)
        self.register_buffer("widths", torch.tensor(widths), persistent=False)

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As `Spectral.embed`; the model wants nm."""
        model: Any = self.model
        nanometres = {"wavelengths": self.wavelengths * 1000, "bandwidths": self.widths * 1000}
        untold = (
            model.coord_fc(model.coord_token)
            + model.scale_fc(model.scale_token)
            + model.time_fc(model.time_token)
        )
        return model.patch_embed_spectral(images, **nanometres), model.pos_embed + untold


def copernicus_fm(images: Images) -> Features:
    """Copernicus-FM: the half of its patch embedding that reads names of variables is left out."""
    from torchgeo.models import CopernicusFM

    wavelengths = wavelengths_of(images.bands, "Copernicus-FM", {})
    if lacking := [band.name for band in images.bands if band.width is None]:
        raise BandsError(
            f"Copernicus-FM wants the width of each band's response, and that of "
            f"{', '.join(lacking)} is not known: choose bands of a sensor that is known here"
        )
    width = 768
    model: Any = CopernicusFM(img_size=images.size, embed_dim=width, depth=12, num_heads=12)
    _without_head(model, images.size, width)
    model.patch_embed_variable = nn.Identity()
    spectral = model.patch_embed_spectral
    # These look at values, which networks without any, on the meta device, do not have.
    spectral.spectrum_central_expansion.assert_range = False
    spectral.spectrum_bandwidth_expansion.assert_range = False
    widths = [band.width for band in images.bands if band.width is not None]
    return _of_blocks(Copernicus(model, wavelengths, widths), width)


class ChannelEmbedding(nn.Module):
    """Panopticon's, of channels that are the same in all images, with its parameters' names."""

    def __init__(self, own: Any, channels: Sequence[float]) -> None:
        super().__init__()
        self.channels, self.width = tuple(channels), own.embed_dim
        self.embed_transmit = own.embed_transmit
        self.embed_receive = own.embed_receive
        self.embed_orbit = own.embed_orbit

    def forward(self, chn_ids: Tensor) -> Tensor:
        """[B, C], of which only B is looked at → embeddings [B, C, D]."""
        each = torch.stack([self._one(channel) for channel in self.channels])
        return each.expand(len(chn_ids), -1, -1)

    def _one(self, channel: float) -> Tensor:
        if channel >= 0:
            from torchgeo.models.panopticon import get_1d_sincos_pos_embed_from_grid_torch

            at = torch.tensor([channel], device=self.embed_orbit.device)
            return get_1d_sincos_pos_embed_from_grid_torch(self.width, at)[0]
        transmitted, received = ((0, 0), (0, 1), (1, 1), (1, 0))[-int(channel) - 1]
        orbit = self.embed_orbit.mean(dim=0)
        return torch.cat([self.embed_transmit[transmitted], self.embed_receive[received], orbit])


class Panopticon(BlockMaps):
    """Panopticon's transformer, which wants images with their channels."""

    def run(self, images: Tensor) -> None:
        """All but the head."""
        model: Any = self.model
        anything = images.new_zeros(len(images), images.shape[1])
        model.forward_features({"imgs": images, "chn_ids": anything})


def panopticon(images: Images) -> Features:
    """Panopticon: a DINOv2 over channels of any wavelength, its patches resampled to 16 px."""
    from torchgeo.models import Panopticon as Published
    from torchgeo.models.panopticon import PanopticonPE

    width, attended = 768, 2304
    micrometres = wavelengths_of(images.bands, "Panopticon", RADAR_CHANNELS)
    channels = [
        RADAR_CHANNELS.get(band.key, round(1000 * wavelength))
        for band, wavelength in zip(images.bands, micrometres, strict=True)
    ]
    model: Any = Published(img_size=images.size).model
    model.patch_embed = PanopticonPE(
        attended, width, PATCH, {"attn_cfg": {"num_heads": 16}}, images.size
    )
    fusion = model.patch_embed.chnfus
    fusion.chnemb = ChannelEmbedding(fusion.chnemb, channels)
    model.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + (images.size // PATCH) ** 2, width))
    model.pretrained_cfg = {}
    model.norm = nn.Identity()
    features = _of_blocks(Panopticon(model, "blocks", PATCH), width)
    return features._replace(notes=(patch_note(14),))


class Croma(nn.Module):
    """CROMA's encoder of one sensor: its blocks are pairs of layers, which no hook sees whole."""

    bias: Tensor

    def __init__(self, encoder: Any, bias: Tensor, chosen: Chosen) -> None:
        super().__init__()
        self.model, self.chosen = encoder, chosen
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S] → four maps [B, D, S / 8, S / 8]."""
        model: Any = self.model
        cells = nn.functional.pixel_unshuffle(self.chosen(images), model.patch_size)
        tokens = model.linear_input(cells.flatten(2).transpose(1, 2))
        after = []
        for attention, feed_forward in model.transformer.layers:
            tokens = attention(tokens, self.bias) + tokens
            tokens = feed_forward(tokens) + tokens
            after.append(tokens)
        side = images.shape[-1] // model.patch_size
        return [as_map(after[index], side) for index in evenly(len(after))]


def croma(name: str, images: Images) -> Features:
    """CROMA, optical, or of radar where the data are nothing else."""
    import torchgeo.models

    radar = {band.key for band in images.bands} <= {"vv", "vh"}
    chosen = Chosen("CROMA", ("vv", "vh") if radar else SURFACE_REFLECTANCE, images)
    modality = "sar" if radar else "optical"
    whole: Any = getattr(torchgeo.models, name)(modalities=[modality], image_size=8)
    encoder = whole.s1_encoder if radar else whole.s2_encoder
    encoder.transformer.norm_out = nn.Identity()
    bias = alibi(encoder.num_heads, images.size // encoder.patch_size)
    return Features(Croma(encoder, bias, chosen), [encoder.patch_size] * 4, [encoder.dim] * 4)


def alibi(heads: int, side: int) -> Tensor:
    """CROMA's bias of attention [1, heads, side², side²]: minus distance, a slope for each head.

    What torchgeo's `get_2dalibi` gives, which takes minutes of a large image.
    """
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    points = torch.stack([rows.flatten(), columns.flatten()], dim=1).float()
    start = 2 ** (-8 / heads)
    slopes = start ** torch.arange(1, heads + 1).float()
    return -(slopes[:, None, None] * torch.cdist(points, points))[None]


def scale_mae(images: Images) -> Features:
    """Scale-MAE, its positions those of the finest band's ground sampling distance."""
    from torchgeo.models import scalemae_large_patch16

    metres, note = finest_distance(images.bands, "Scale-MAE")
    model: Any = scalemae_large_patch16(
        img_size=images.size, in_chans=len(images.bands), res=metres, num_classes=0
    )
    model.pretrained_cfg = {"first_conv": "patch_embed.proj"}
    return _of_blocks(BlockMaps(model, "blocks", PATCH), model.embed_dim)._replace(notes=(note,))


class Hierarchy(nn.Module):
    """torchvision's Swin: the maps after its four stages."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S] → maps at strides 4, 8, 16, 32."""
        model: Any = self.model
        maps, features = [], images
        for index, layer in enumerate(model.features):
            features = layer(features)
            if index % 2:  # the even ones halve the size
                maps.append(features.permute(0, 3, 1, 2))
        return maps


def swin(name: str, images: Images) -> Features:
    """A Swin of torchvision, with a first layer for these bands."""
    import torchgeo.models

    model: Any = getattr(torchgeo.models, name)()
    first = model.features[0][0]
    model.features[0][0] = nn.Conv2d(
        len(images.bands), first.out_channels, first.kernel_size, first.stride
    )
    widths = [first.out_channels * 2**stage for stage in range(4)]
    model.norm, model.head = nn.Identity(), nn.Identity()
    model.pretrained_cfg = {"first_conv": "features.0.0"}
    return Features(Hierarchy(model), [4, 8, 16, 32], widths)


def scale_of(transforms: Any) -> Scale | None:
    """What the first normalisation among a weight's transforms takes for mean and deviation."""
    steps: Iterable[Any] = transforms if isinstance(transforms, nn.Sequential) else [transforms]
    for step in steps:
        if hasattr(step, "mean") and hasattr(step, "std"):
            return Scale(tuple(map(float, step.mean)), tuple(map(float, step.std)))
    return None


def _without_head(model: Any, image_size: int, width: int) -> None:
    """Leave out what only whole images go through, and give patches their fixed positions.

    torchgeo leaves those at 0 until weights are loaded.
    """
    model.fc_norm, model.head = nn.Identity(), nn.Identity()
    model.pretrained_cfg = {}
    side = image_size // PATCH
    positions = build_sincos2d_pos_embed([side, side], width)
    with torch.no_grad():
        model.pos_embed[0, 1:] = positions.to(model.pos_embed.device)
        nn.init.normal_(model.cls_token, std=0.02)


def _of_blocks(body: BlockMaps, width: int) -> Features:
    return Features(body, [body.stride] * 4, [width] * 4)
