"""torchgeo's backbones: its ResNets, Swins and ViTs, and networks made for Earth observation.

Its ResNets and ViTs are timm's networks with weights of their own, and its Swins torchvision's.
The others are plain vision transformers. DOFA (Xiong et al. 2024, arXiv:2403.15356), Copernicus-FM
(Wang et al. 2025, arXiv:2503.11849) and Panopticon (Waldmann et al. 2025, arXiv:2503.10845) make
their first layer from the wavelengths of the bands; CROMA (Fuller et al. 2023, arXiv:2311.00566)
wants the twelve bands of Sentinel-2's surface reflectance, or VV and VH; Scale-MAE (Reed et al.
2023, arXiv:2212.14532) wants the ground sampling distance.

torchgeo itself is imported when a network is built, or its weights are asked for.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from datasets.spectrum import band
from models.backbones import timm, torchgeo_networks
from models.backbones.features import Features
from models.backbones.published import Published, hub_file, unknown_licence
from models.backbones.source import Images, UnknownBackboneError
from runs.errors import did_you_mean


class Known(NamedTuple):
    """A backbone: how it is built, and its usual weights, None where torchgeo has none."""

    build: Callable[[Images], Features]
    usual: str | None


def _of_timm(name: str, usual: str) -> Known:
    return Known(partial(timm.build, name), usual)


def _dofa(width: int, depth: int, heads: int, usual: str | None) -> Known:
    return Known(partial(torchgeo_networks.dofa, width, depth, heads), usual)


def _swin(name: str, usual: str) -> Known:
    return Known(partial(torchgeo_networks.swin, name), usual)


KNOWN: dict[str, Known] = {
    "resnet18": _of_timm("resnet18", "SENTINEL2_ALL_MOCO"),
    "resnet50": _of_timm("resnet50", "SENTINEL2_ALL_MOCO"),
    "resnet152": _of_timm("resnet152", "SENTINEL2_SI_MS_SATLAS"),
    "swin_t": _swin("swin_t", "CITYSCAPES_SEMSEG"),
    "swin_s": _swin("swin_s", "CITYSCAPES_SEMSEG"),
    "swin_b": _swin("swin_b", "CITYSCAPES_SEMSEG"),
    "swin_v2_t": _swin("swin_v2_t", "SENTINEL2_SI_MS_SATLAS"),
    "swin_v2_b": _swin("swin_v2_b", "SENTINEL2_SI_MS_SATLAS"),
    "vit_small_patch16_224": _of_timm("vit_small_patch16_224", "SENTINEL2_ALL_MOCO"),
    "vit_base_patch16_224": _of_timm("vit_base_patch16_224", "SENTINEL2_ALL_MAE"),
    "vit_large_patch16_224": _of_timm("vit_large_patch16_224", "SENTINEL2_ALL_MAE"),
    "vit_huge_patch14_224": _of_timm("vit_huge_patch14_224", "SENTINEL2_ALL_MAE"),
    "vit_small_patch14_dinov2": _of_timm("vit_small_patch14_dinov2", "SENTINEL2_ALL_SOFTCON"),
    "vit_base_patch14_dinov2": _of_timm("vit_base_patch14_dinov2", "SENTINEL2_ALL_SOFTCON"),
    "dofa_small_patch16_224": _dofa(384, 12, 6, None),
    "dofa_base_patch16_224": _dofa(768, 12, 12, "DOFA_MAE"),
    "dofa_large_patch16_224": _dofa(1024, 24, 16, "DOFA_MAE"),
    "copernicusfm_base": Known(torchgeo_networks.copernicus_fm, "CopernicusFM_ViT"),
    "panopticon_vitb14": Known(torchgeo_networks.panopticon, "VIT_BASE14"),
    "croma_base": Known(partial(torchgeo_networks.croma, "croma_base"), "CROMA_VIT"),
    "croma_large": Known(partial(torchgeo_networks.croma, "croma_large"), "CROMA_VIT"),
    "scalemae_large_patch16": Known(torchgeo_networks.scale_mae, "FMOW_RGB"),
}

SENSOR_OF = {
    "SENTINEL2": "sentinel-2",
    "SENTINEL1": "sentinel-1",
    "LANDSAT_TM": "landsat-5",
    "LANDSAT_ETM": "landsat-7",
    "LANDSAT": "landsat-8",
}
"""The sensor of weights by how their name begins, the first that fits."""

LICENCES = {"torchgeo/satlas": "apache-2.0"}
"""Of weights by repository, where the card of those who trained them says it."""


def check(name: str) -> None:
    """A name is one of torchgeo's."""
    if name not in KNOWN:
        hint = did_you_mean(name, [known for known in KNOWN if known.startswith(name)] or KNOWN)
        raise UnknownBackboneError(f"torchgeo has no backbone '{name}' that is known here{hint}")


def build(name: str, images: Images) -> Features:
    """ResNets, Swins, ViTs and Scale-MAE see any bands, the others those that they know."""
    return KNOWN[name].build(images)


def usual_weights(name: str) -> str | None:
    """What `pretraining: default` means."""
    return KNOWN[name].usual


def published(name: str) -> dict[str, Published]:
    """All weights of a backbone, of torchgeo's enumeration for it."""
    from torchgeo.models import get_model_weights

    try:
        listed = get_model_weights(name)
    except KeyError:
        return {}
    return {one.name: _published(one.name, one) for one in listed}


def _published(name: str, one: object) -> Published:
    url, meta = str(one.url), dict(one.meta)  # type: ignore[attr-defined]
    repository, revision, filename = hub_file(url)
    sensor = next((SENSOR_OF[start] for start in SENSOR_OF if name.startswith(start)), None)
    bands = meta.get("bands") or (("R", "G", "B") if meta.get("in_chans") == 3 else None)
    return Published(
        name=name,
        repository=f"{repository}@{revision}",
        filename=filename,
        bands=tuple(band(each, sensor) for each in bands) if bands else None,
        licence=LICENCES.get(repository) or unknown_licence(repository),
        scale=torchgeo_networks.scale_of(one.transforms),  # type: ignore[attr-defined]
    )
