"""torchgeo's real classes, with random weights; the large ones on the meta device."""

import pytest
import torch

from datasets.spectrum import SENSORS, Band
from models.backbones import STRIDES, Backbone, terratorch
from models.backbones.source import BandsError, Images
from models.backbones.torchgeo import KNOWN

pytest.importorskip("torchgeo", reason="requirements-torchgeo.txt is not installed")

SENTINEL2 = SENSORS["sentinel-2"]
RADAR = SENSORS["sentinel-1"][:2]
DOFA = "torchgeo/dofa_small_patch16_224"
BUILT = [name for name in KNOWN if "large" not in name and "huge" not in name]
"""Those of one size of each family."""


@pytest.mark.parametrize("name", BUILT)
def test_maps_lie_at_the_four_strides(name: str) -> None:
    with torch.device("meta"):
        backbone = Backbone(f"torchgeo/{name}", SENTINEL2, 96).eval()
    maps = backbone(torch.zeros(1, len(SENTINEL2), 96, 96, device="meta"))
    shapes = [tuple(found.shape[1:]) for found in maps]
    sides = [96 // stride for stride in STRIDES]
    assert shapes == [(c, s, s) for c, s in zip(backbone.channels, sides, strict=True)]


def test_dofa_sees_what_its_own_forward_sees() -> None:
    torch.manual_seed(0)
    backbone = Backbone(DOFA, SENTINEL2[:4], 32).eval()
    images = torch.randn(2, 4, 32, 32)
    with torch.no_grad():
        *_, last = backbone.body(images)
        wavelengths = [band.wavelength for band in SENTINEL2[:4]]
        pooled = backbone.network.forward_features(images, wavelengths)
    torch.testing.assert_close(last.mean(dim=(2, 3)), pooled, rtol=1e-4, atol=1e-5)


def test_dofa_trains_and_its_wavelengths_matter() -> None:
    torch.manual_seed(0)
    backbone = Backbone(DOFA, ("red", "green", "blue"), 32)
    images = torch.randn(1, 3, 32, 32)
    maps = backbone(images)
    sum(found.square().mean() for found in maps).backward()
    blocks = [p.grad for name, p in backbone.network.named_parameters() if "patch_embed" in name]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in blocks)
    other = Backbone(DOFA, ("blue", "green", "red"), 32)
    other.load_state_dict(backbone.state_dict())
    assert not torch.allclose(other(images)[2], maps[2])


@pytest.mark.parametrize(
    ("name", "bands", "message"),
    [
        (DOFA, ("red", "slope", "DEM"), "that of slope, DEM is not known.*dataset.wavelengths"),
        ("torchgeo/copernicusfm_base", (Band("x", None, 0.5),), "width of each band's response"),
        ("torchgeo/croma_base", SENTINEL2[:9], "wants nir09, swir16, swir22.*missing_bands: mean"),
        ("torchgeo/croma_base", ("slope",), "CROMA wants coastal, blue"),
    ],
)
def test_bands_that_a_network_cannot_see_are_named(
    name: str, bands: tuple[str | Band, ...], message: str
) -> None:
    with torch.device("meta"), pytest.raises(BandsError, match=message):
        Backbone(name, bands, 32)


def test_a_missing_band_is_the_mean_of_the_others_if_that_is_asked_for() -> None:
    from models.backbones.bands import Chosen

    chosen = Chosen(
        "CROMA", ("red", "nir", "green"), Images(SENSORS["planetscope"][3:6], 32, "mean")
    )
    images = torch.arange(12.0).reshape(1, 3, 2, 2)
    green, _, red = images[0]
    expected = torch.stack([red, (green + red) / 2, green])
    assert torch.equal(chosen(images)[0], expected)


def test_croma_is_of_radar_where_the_data_are() -> None:
    torch.manual_seed(0)
    backbone = Backbone("torchgeo/croma_base", RADAR, 32).eval()
    with torch.no_grad():
        images = torch.randn(1, 2, 32, 32)
        *_, last = backbone.body(images)
        whole = backbone.network(images, backbone.body.bias)
    torch.testing.assert_close(last.flatten(2).transpose(1, 2), whole, rtol=1e-4, atol=1e-5)


def test_the_bias_of_cromas_attention_is_torchgeos() -> None:
    from torchgeo.models.croma import get_2dalibi

    from models.backbones.torchgeo_networks import alibi

    torch.testing.assert_close(alibi(16, 4), get_2dalibi(16, 16))


def test_panopticons_channels_are_embedded_as_its_own() -> None:
    from torchgeo.models.panopticon import ChnEmb

    from models.backbones.torchgeo_networks import ChannelEmbedding

    own = ChnEmb(24)
    for parameter in own.parameters():
        torch.nn.init.normal_(parameter)
    channels = [490.0, 842, -1, -2, -3, -4]
    ids = torch.tensor([channels])
    torch.testing.assert_close(ChannelEmbedding(own, channels)(ids), own(ids.clone()))


SATLAS = [name for name in terratorch.KNOWN if name.startswith("satlas")]


@pytest.mark.parametrize("name", SATLAS)
def test_satlas_under_terratorchs_names_is_torchgeos(name: str) -> None:
    (weights,) = terratorch.published(name).values()
    assert weights.name == "pretrained" and weights.licence == "apache-2.0"
    assert weights.bands is not None and weights.scale is not None
    size, _, kind = name.removeprefix("satlas_").partition("_sentinel2_")
    file = weights.filename.removeprefix("sentinel2_").replace("swinb", "swin_b")
    if kind:
        assert file.replace("swint", "swin_t").startswith(f"{size}_{kind.removesuffix('_satlas')}")


def test_satlas_under_terratorchs_name_fits_its_bands() -> None:
    (weights,) = terratorch.published("satlas_swin_t_sentinel2_si_ms").values()
    assert weights.bands is not None
    with torch.device("meta"):
        features = terratorch.build(
            "satlas_swin_t_sentinel2_si_ms", Images(weights.bands, 64, "error")
        )
        maps = features.body(torch.zeros(1, 9, 64, 64))
    assert [tuple(found.shape[1:]) for found in maps] == [
        (96 * 2**stage, 16 // 2**stage, 16 // 2**stage) for stage in range(4)
    ]
