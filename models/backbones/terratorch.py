"""terratorch's backbones: Prithvi-EO 1 and 2, and TerraMind, built through its registry.

Prithvi-EO (Jakubik et al. 2023, arXiv:2310.18660; Szwarcman et al. 2024, arXiv:2412.02732) is a
plain vision transformer over the six bands that Landsat and Sentinel-2 share, and over time, of
which one moment is seen here. Place and date are told to none of them (`_tl` could read both).
Patches of 14 px (600M) are 16 px here, their filters resampled. TerraMind (Jakubik et al. 2025,
arXiv:2504.11171) sees the twelve bands of Sentinel-2's level 2A here, or R, G, B where the data are
these, or VV and VH.

terratorch itself is imported when a network is built.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from datasets.spectrum import band
from models.backbones.bands import SURFACE_REFLECTANCE, Chosen
from models.backbones.features import BlockMaps, Features, patch_note
from models.backbones.published import Published, Scale, unknown_licence
from models.backbones.source import Images, UnknownBackboneError
from runs.errors import did_you_mean

PATCH = 16
BANDS = ("blue", "green", "red", "nir08", "swir16", "swir22")
FIRST = Scale(
    (775.0, 1081.0, 1229.0, 2497.0, 2204.0, 1611.0),
    (1282.0, 1270.0, 1399.0, 1368.0, 1292.0, 1155.0),
)
SECOND = Scale(
    (1087.0, 1342.0, 1433.0, 2734.0, 1958.0, 1363.0),
    (2248.0, 2179.0, 2178.0, 1850.0, 1242.0, 1049.0),
)
"""What terratorch standardises reflectance × 10,000 with for the two generations."""


TERRAMIND = Scale(
    (
        *(1390.458, 1503.317, 1718.197, 1853.91, 2199.1, 2779.975),
        *(2987.011, 3083.234, 3132.22, 3162.988, 2424.884, 1857.648),
    ),
    (
        *(2106.761, 2141.107, 2038.973, 2134.138, 2085.321, 1889.926),
        *(1820.257, 1871.918, 1753.829, 1797.379, 1434.261, 1334.311),
    ),
)
"""The same of TerraMind's level 2A."""


class Known(NamedTuple):
    """A backbone: where its weights are, None where there are none, and the side of its patches."""

    repository: str | None
    filename: str = ""
    scale: Scale = SECOND
    patch: int = PATCH
    bands: tuple[str, ...] = BANDS


def _second(size: str, file: str, patch: int = PATCH) -> Known:
    return Known(
        f"ibm-nasa-geospatial/Prithvi-EO-2.0-{size}", f"Prithvi_EO_V2_{file}.pt", patch=patch
    )


def _terramind(size: str) -> Known:
    repository = f"ibm-esa-geospatial/TerraMind-1.0-{size}"
    return Known(repository, f"TerraMind_v1_{size}.pt", TERRAMIND, bands=SURFACE_REFLECTANCE)


KNOWN: dict[str, Known] = {
    "prithvi_eo_tiny": Known(None),
    "prithvi_eo_v1_100": Known(
        "ibm-nasa-geospatial/Prithvi-EO-1.0-100M", "Prithvi_EO_V1_100M.pt", FIRST
    ),
    "prithvi_eo_v2_tiny_tl": _second("tiny-TL", "tiny_TL"),
    "prithvi_eo_v2_100_tl": _second("100M-TL", "100M_TL"),
    "prithvi_eo_v2_300": _second("300M", "300M"),
    "prithvi_eo_v2_300_tl": _second("300M-TL", "300M_TL"),
    "prithvi_eo_v2_600": _second("600M", "600M", 14),
    "prithvi_eo_v2_600_tl": _second("600M-TL", "600M_TL", 14),
    "terramind_v1_tiny": _terramind("tiny"),
    "terramind_v1_small": _terramind("small"),
    "terramind_v1_base": _terramind("base"),
    "terramind_v1_large": _terramind("large"),
}
SMALL_KINDS = {"RGB": ("red", "green", "blue"), "S1GRD": ("vv", "vh")}
"""What TerraMind calls images of few bands, and their order; others must be Sentinel-2's."""
USUAL = "pretrained"
"""What the one set of weights of each is called: `terratorch:pretrained`."""


def check(name: str) -> None:
    """A name is one of terratorch's, of a family that gives maps here."""
    if name not in KNOWN:
        hint = did_you_mean(name, KNOWN)
        raise UnknownBackboneError(f"terratorch has no backbone '{name}' that is known here{hint}")


class Prithvi(BlockMaps):
    """Prithvi's encoder, of images of one moment."""

    def run(self, images: Tensor) -> None:
        """`forward` would mask patches."""
        model: Any = self.model
        model.forward_features(images)


class TerraMind(BlockMaps):
    """TerraMind's encoder of one kind of image."""

    def __init__(self, model: Any, chosen: Chosen) -> None:
        super().__init__(model, "encoder", PATCH)
        self.chosen = chosen

    def run(self, images: Tensor) -> None:
        """The bands of its kind, in its order."""
        self.model(self.chosen(images))


def build(name: str, images: Images) -> Features:
    """Prithvi sees any bands, TerraMind those that it knows."""
    return _terramind_features(name, images) if "terramind" in name else _prithvi(name, images)


def _terramind_features(name: str, images: Images) -> Features:
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


def _prithvi(name: str, images: Images) -> Features:
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
    patch = KNOWN[name].patch
    notes = () if patch == PATCH else (patch_note(patch),)
    return Features(Prithvi(model, "blocks", PATCH), [PATCH] * 4, [int(model.embed_dim)] * 4, notes)


def usual_weights(name: str) -> str | None:
    """What `pretraining: default` means."""
    return USUAL if KNOWN[name].repository else None


def published(name: str) -> dict[str, Published]:
    """The one set of weights, if there is one."""
    known = KNOWN[name]
    if known.repository is None:
        return {}
    weights = Published(
        name=USUAL,
        repository=known.repository,
        filename=known.filename,
        bands=tuple(map(band, known.bands)),
        licence=unknown_licence(known.repository),
        scale=known.scale,
    )
    return {USUAL: weights}
