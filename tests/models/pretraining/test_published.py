"""Weights that sources publish: found by name, read from a folder, fitted by what bands measure."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from datasets.spectrum import SENSORS
from models.backbones import SOURCES, Backbone
from models.backbones.published import Published, hub_file
from models.pretraining import hub
from models.pretraining.audit import WeightsDoNotFitError
from models.pretraining.checkpoint import load_checkpoint
from models.pretraining.hub import WeightsUnavailableError
from models.pretraining.published import chosen, locate

pytest.importorskip("torchgeo", reason="requirements-torchgeo.txt is not installed")

SENTINEL2 = SENSORS["sentinel-2"]


def test_default_is_the_usual_one_of_a_source() -> None:
    found = chosen("torchgeo/resnet18", "default")
    assert found.name == "SENTINEL2_ALL_MOCO"
    assert found.bands is not None
    assert [band.key for band in found.bands] == [band.key for band in SENTINEL2]
    assert found.repository.startswith("torchgeo/resnet18_sentinel2_all_moco@")
    assert found.filename.endswith(".pth")
    assert found.scale is not None and found.scale.std == (10000.0,)
    assert chosen("resnet18", "default").repository == "timm/resnet18.a1_in1k"
    assert chosen("timm/resnet18", "timm:tv_in1k").name == "tv_in1k"


@pytest.mark.parametrize(
    ("backbone", "pretraining", "message"),
    [
        ("torchgeo/resnet18", "torchgeo:SENTINEL2_MOCO", "did you mean 'SENTINEL2_RGB_MOCO'"),
        ("torchgeo/dofa_small_patch16_224", "default", "publishes no weights of torchgeo/dofa"),
        ("resnet18", "torchgeo:SENTINEL2_ALL_MOCO", "of torchgeo's backbones, and .* is timm's"),
    ],
)
def test_weights_that_are_not_there_are_refused(
    backbone: str, pretraining: str, message: str
) -> None:
    with pytest.raises(WeightsUnavailableError, match=message):
        chosen(backbone, pretraining)


def test_a_file_in_the_folder_goes_before_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    weights = chosen("torchgeo/resnet18", "default")
    with pytest.raises(WeightsUnavailableError, match=f"put its .* as {weights.filename} into "):
        locate(weights, tmp_path)
    (tmp_path / weights.filename).touch()
    assert locate(weights, tmp_path) == tmp_path / weights.filename


def test_channels_are_picked_by_what_they_measure(tmp_path: Path) -> None:
    """Weights of 13 bands of Sentinel-2 on red, near infrared and a slope."""
    theirs = Backbone("torchgeo/resnet18", SENTINEL2, 64).network
    torch.save({"state_dict": theirs.state_dict()}, file := tmp_path / "weights.pth")
    ours = Backbone("torchgeo/resnet18", ("B04", "B08", "slope"), 64)
    audit = load_checkpoint(
        ours.network,
        file,
        rgb=None,
        bands=tuple(band.key for band in ours.spectrum),
        stem_bands=tuple(band.key for band in SENTINEL2),
    )
    assert audit.fraction == 1
    before, after = (net.state_dict()["conv1.weight"] for net in (theirs, ours.network))
    torch.testing.assert_close(after[:, 0], before[:, 3] * 13 / 3)
    torch.testing.assert_close(after[:, 1], before[:, 7] * 13 / 3)
    assert "the mean filter for slope" in audit.resized[0]


@pytest.mark.parametrize(
    ("name", "smaller"),
    [("torchgeo/dofa_small_patch16_224", 64), ("torchgeo/vit_small_patch14_dinov2", 64)],
)
def test_positions_are_resampled_to_the_image_size(name: str, smaller: int, tmp_path: Path) -> None:
    bands = ("red", "green", "blue")
    save_file(Backbone(name, bands, 224).network.state_dict(), file := tmp_path / "w.safetensors")
    network = Backbone(name, bands, smaller).network
    audit = load_checkpoint(network, file, rgb=(0, 1, 2))
    assert audit.fraction == 1
    assert any("pos_embed" in text for text in audit.resized)


def test_filters_of_patches_of_14_px_are_resampled_and_said_to_be(tmp_path: Path) -> None:
    import timm

    published = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=98)
    save_file(published.state_dict(), file := tmp_path / "w.safetensors")
    audit = load_checkpoint(Backbone("vit_small_patch14_dinov2", 3, 64).network, file, rgb=None)
    assert "patch_embed.proj.weight 384×3×14×14 to 384×3×16×16" in audit.resized


def test_cromas_encoder_is_found_in_its_file(tmp_path: Path) -> None:
    from torchgeo.models import croma_base

    whole = croma_base(image_size=8)
    parts = {name: part.state_dict() for name, part in whole.named_children()}
    torch.save(parts, file := tmp_path / "croma.pt")
    radar = Backbone("torchgeo/croma_base", SENSORS["sentinel-1"][:2], 32).network
    audit = load_checkpoint(radar, file, rgb=None)
    assert audit.fraction == 1
    own = whole.s1_encoder.linear_input.weight
    assert torch.equal(radar.state_dict()["linear_input.weight"], own)


def test_other_weights_do_not_fit(tmp_path: Path) -> None:
    torch.save(Backbone("resnet18", 3, 32).network.state_dict(), file := tmp_path / "weights.pth")
    network = Backbone("torchgeo/dofa_small_patch16_224", ("red",), 32).network
    with pytest.raises(WeightsDoNotFitError):
        load_checkpoint(network, file, rgb=None)


def test_every_file_of_torchgeo_is_on_the_hub_and_has_a_licence_or_says_where_to_read() -> None:
    library = SOURCES["torchgeo"].library
    from models.backbones.torchgeo import KNOWN

    for name, known in KNOWN.items():
        weights = library.published(name)
        assert known.usual is None or known.usual in weights
        for one in weights.values():
            assert isinstance(one, Published)
            assert one.licence
            unnamed = [band.name for band in one.bands or () if band.common is None]
            assert unnamed in ([], ["NDVI"]), one


def test_an_address_that_is_no_file_on_the_hub_is_refused() -> None:
    with pytest.raises(ValueError, match="no file of a repository"):
        hub_file("https://example.org/weights.pth")
