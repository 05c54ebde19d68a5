"""terratorch's backbones: Prithvi-EO 1 and 2, TerraMind, Clay v1 and Satlas.

Prithvi-EO (Jakubik et al. 2023, arXiv:2310.18660; Szwarcman et al. 2024, arXiv:2412.02732) is a
plain vision transformer over the six bands that Landsat and Sentinel-2 share, and over time, of
which one moment is seen here. Place and date are told to none of them (`_tl` could read both).
Patches of 14 px (600M) are 16 px here, their filters resampled. TerraMind (Jakubik et al. 2025,
arXiv:2504.11171) sees the twelve bands of Sentinel-2's level 2A here, or R, G, B where the data are
these, or VV and VH. Clay v1 (2024, github.com/Clay-foundation/model) makes its first layer from the
wavelengths of the bands, and its positions from the ground sampling distance. Satlas (Bastani et
al. 2023, arXiv:2211.15660) is torchgeo's ResNet or Swin V2, with weights by the name.

terratorch itself is imported when a network is built.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from datasets.spectrum import band
from models.backbones import terratorch_networks, torchgeo
from models.backbones.bands import SURFACE_REFLECTANCE
from models.backbones.features import Features
from models.backbones.published import Published, Scale, unknown_licence
from models.backbones.source import Images, UnknownBackboneError
from runs.errors import did_you_mean

USUAL = "pretrained"
"""What the one set of weights of each is called: `terratorch:pretrained`."""
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
    """A backbone: how it is built, and its weights, None where there are none."""

    build: Callable[[str, Images], Features]
    weights: Callable[[], Published] | None


def _prithvi(
    repository: str, filename: str, scale: Scale, patch: int = terratorch_networks.PATCH
) -> Known:
    weights = _published(f"ibm-nasa-geospatial/{repository}", filename, scale, BANDS)
    return Known(partial(terratorch_networks.prithvi, patch), lambda: weights)


def _second(size: str, file: str, patch: int = terratorch_networks.PATCH) -> Known:
    return _prithvi(f"Prithvi-EO-2.0-{size}", f"Prithvi_EO_V2_{file}.pt", SECOND, patch)


def _terramind(size: str) -> Known:
    repository = f"ibm-esa-geospatial/TerraMind-1.0-{size}"
    weights = _published(repository, f"TerraMind_v1_{size}.pt", TERRAMIND, SURFACE_REFLECTANCE)
    return Known(terratorch_networks.terramind, lambda: weights)


def _published(repository: str, filename: str, scale: Scale, bands: tuple[str, ...]) -> Published:
    licence = unknown_licence(repository)
    return Published(USUAL, repository, filename, tuple(map(band, bands)), licence, scale)


CLAY = Published(
    USUAL, "made-with-clay/Clay", "v1/clay-v1-base.ckpt", None, "apache-2.0", scale=None
)
"""Its makers standardise each band of each sensor by its own statistics."""


def _satlas(network: str, name: str) -> Known:
    def weights() -> Published:
        return replace(torchgeo.published(network)[f"{name}_SATLAS"], name=USUAL)

    return Known(lambda _name, images: torchgeo.build(network, images), weights)


KNOWN: dict[str, Known] = {
    "prithvi_eo_tiny": Known(partial(terratorch_networks.prithvi, terratorch_networks.PATCH), None),
    "prithvi_eo_v1_100": _prithvi("Prithvi-EO-1.0-100M", "Prithvi_EO_V1_100M.pt", FIRST),
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
    "clay_v1_base": Known(terratorch_networks.clay, lambda: CLAY),
    "satlas_resnet50_sentinel2_mi_ms_satlas": _satlas("resnet50", "SENTINEL2_MI_MS"),
    "satlas_resnet50_sentinel2_mi_rgb_satlas": _satlas("resnet50", "SENTINEL2_MI_RGB"),
    "satlas_resnet50_sentinel2_si_ms_satlas": _satlas("resnet50", "SENTINEL2_SI_MS"),
    "satlas_resnet50_sentinel2_si_rgb_satlas": _satlas("resnet50", "SENTINEL2_SI_RGB"),
    "satlas_resnet152_sentinel2_mi_ms": _satlas("resnet152", "SENTINEL2_MI_MS"),
    "satlas_resnet152_sentinel2_mi_rgb": _satlas("resnet152", "SENTINEL2_MI_RGB"),
    "satlas_resnet152_sentinel2_si_ms_satlas": _satlas("resnet152", "SENTINEL2_SI_MS"),
    "satlas_resnet152_sentinel2_si_rgb_satlas": _satlas("resnet152", "SENTINEL2_SI_RGB"),
    "satlas_swin_t_sentinel2_mi_ms": _satlas("swin_v2_t", "SENTINEL2_MI_MS"),
    "satlas_swin_t_sentinel2_mi_rgb": _satlas("swin_v2_t", "SENTINEL2_MI_RGB"),
    "satlas_swin_t_sentinel2_si_ms": _satlas("swin_v2_t", "SENTINEL2_SI_MS"),
    "satlas_swin_t_sentinel2_si_rgb": _satlas("swin_v2_t", "SENTINEL2_SI_RGB"),
    "satlas_swin_b_sentinel2_mi_ms": _satlas("swin_v2_b", "SENTINEL2_MI_MS"),
    "satlas_swin_b_sentinel2_mi_rgb": _satlas("swin_v2_b", "SENTINEL2_MI_RGB"),
    "satlas_swin_b_sentinel2_si_ms": _satlas("swin_v2_b", "SENTINEL2_SI_MS"),
    "satlas_swin_b_sentinel2_si_rgb": _satlas("swin_v2_b", "SENTINEL2_SI_RGB"),
    "satlas_swin_b_naip_mi_rgb": _satlas("swin_v2_b", "NAIP_RGB_MI"),
    "satlas_swin_b_naip_si_rgb": _satlas("swin_v2_b", "NAIP_RGB_SI"),
    "satlas_swin_b_landsat_mi_ms": _satlas("swin_v2_b", "LANDSAT_MI"),
    # Of one image and eleven bands, whatever terratorch calls it.
    "satlas_swin_b_landsat_mi_rgb": _satlas("swin_v2_b", "LANDSAT_SI"),
    "satlas_swin_b_sentinel1_mi": _satlas("swin_v2_b", "SENTINEL1_MI"),
    "satlas_swin_b_sentinel1_si": _satlas("swin_v2_b", "SENTINEL1_SI"),
}


def check(name: str) -> None:
    """A name is one of terratorch's, of a family that gives maps here."""
    if name not in KNOWN:
        hint = did_you_mean(name, KNOWN)
        raise UnknownBackboneError(f"terratorch has no backbone '{name}' that is known here{hint}")


def build(name: str, images: Images) -> Features:
    """Prithvi and Satlas see any bands, TerraMind and Clay those that they know."""
    return KNOWN[name].build(name, images)


def usual_weights(name: str) -> str | None:
    """What `pretraining: default` means."""
    return USUAL if KNOWN[name].weights else None


def published(name: str) -> dict[str, Published]:
    """The one set of weights, if there is one."""
    weights = KNOWN[name].weights
    return {USUAL: weights()} if weights else {}
