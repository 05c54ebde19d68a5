"""Each layout's round trip: a network saved in it loads whole, and sees what the original saw."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.byobnet import ByoBlockCfg
from torch import Tensor, nn
from torchvision.models.swin_transformer import (
    PatchMergingV2,
    SwinTransformer,
    SwinTransformerBlockV2,
)

from models.pretraining.audit import Audit, WeightsDoNotFitError
from models.pretraining.checkpoint import load_checkpoint
from models.pretraining.hub import WeightsUnavailableError

SIDE = 64
VIT = {"embed_dim": 32, "depth": 3, "num_heads": 2, "img_size": SIDE}
SENTINEL2 = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


def scrambled(module: nn.Module, seed: int = 0) -> nn.Module:
    """No tensor as it is initialised: a norm that is not loaded must show."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("relative_coords_table"):
            centre = 0.25 if tensor.ndim == 1 else 0.0
            tensor.copy_(centre + 0.4 * (torch.rand(tensor.shape, generator=generator) - 0.5))
    return module.eval()


def timm_body(name: str, bands: int = 3, **settings: Any) -> Any:
    torch.manual_seed(1)
    body = timm.create_model(
        name, features_only=True, feature_cls="getter", in_chans=bands, **settings
    )
    return body.eval()


def images(bands: int = 3) -> Tensor:
    return torch.rand(2, bands, SIDE, SIDE, generator=torch.Generator().manual_seed(3))


def load(body: Any, file: Path, **bands: Any) -> Audit:
    return load_checkpoint(body.model, file, **{"rgb": None, **bands})


@torch.no_grad()
def assert_same_features(body: Any, original: nn.Module, seen: Tensor | None = None) -> None:
    """In double precision, where the order of a sum does not show."""
    seen = (images() if seen is None else seen).double()
    features = original.double()(seen)
    expected = features[-1] if isinstance(features, list) else features
    torch.testing.assert_close(body.double()(seen)[-1], expected)


def small_clip_resnet(name: str) -> Any:
    strides = zip((1, 2, 2, 2), (32, 64, 128, 256), strict=True)
    blocks = tuple(ByoBlockCfg("bottle", d=1, c=c, s=s, gs=None, br=0.25) for s, c in strides)
    return timm_body(name, blocks=blocks, stem_chs=(4, 4, 8))


@pytest.mark.parametrize(
    ("prefix", "container"), [("", None), ("module.", "state_dict"), ("model.", None)]
)
def test_clip_vit_of_open_clip(
    clip: SimpleNamespace, file: Path, prefix: str, container: str | None
) -> None:
    original = scrambled(clip.ViT(SIDE, 16, 32, 3, 2, nn.GELU()))
    tensors = clip.with_text(original, prefix)
    torch.save({container: tensors, "epoch": 3, "name": "run"} if container else tensors, file)
    body = timm_body("vit_base_patch16_clip_224", **VIT)
    audit = load(body, file)
    assert audit.fraction == 1 and "layout of CLIP" in audit.source
    assert f"{prefix}token_embedding.weight" in audit.unexpected
    assert_same_features(body, original)


def test_clip_vit_of_openai_in_half_precision(clip: SimpleNamespace, file: Path) -> None:
    original = scrambled(clip.ViT(SIDE, 16, 32, 3, 2, clip.QuickGELU())).half().float()
    halves = {name: tensor.half() for name, tensor in clip.with_text(original).items()}
    torch.save(halves | {"input_resolution": torch.tensor(SIDE)}, file)
    body = timm_body("vit_base_patch16_clip_quickgelu_224", **VIT)
    assert load(body, file).fraction == 1
    assert_same_features(body, original)


def test_clip_vit_of_another_image_size_is_resampled_and_says_so(
    clip: SimpleNamespace, file: Path
) -> None:
    torch.save(clip.with_text(clip.ViT(2 * SIDE, 16, 32, 3, 2, nn.GELU())), file)
    audit = load(timm_body("vit_base_patch16_clip_224", **VIT), file)
    assert audit.fraction == 1
    assert audit.resized == ("pos_embed 1×65×32 to 1×17×32",)


@pytest.mark.parametrize("name", ["resnet50_clip", "resnet50_clip_gap"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_clip_resnet(clip: SimpleNamespace, file: Path, name: str, prefix: str) -> None:
    original = scrambled(clip.ResNet(8))
    torch.save(clip.with_text(original, prefix), file)
    body = small_clip_resnet(name)
    audit = load(body, file)
    assert audit.fraction == 1
    assert f"{prefix}logit_scale" in audit.unexpected
    assert_same_features(body, original)


@pytest.mark.parametrize(
    ("name", "settings"), [("vit_base_patch16_clip_224", VIT), ("convnext_atto", {})]
)
def test_open_clip_over_one_of_timms_networks(file: Path, name: str, settings: Any) -> None:
    original = timm_body(name, **settings)
    scrambled(original)
    trunk = {f"visual.trunk.{part}": t for part, t in original.model.state_dict().items()}
    torch.save(trunk | {"visual.head.proj.weight": torch.ones(2, 2)}, file)
    body = timm_body(name, **settings)
    assert load(body, file).fraction == 1
    assert_same_features(body, original)


def mae_of(network: nn.Module) -> dict[str, Tensor]:
    """A ViT's tensors beside the decoder that MAE trains with it."""
    decoder = {
        "mask_token": torch.zeros(1, 1, 16),
        "decoder_pos_embed": torch.zeros(1, 17, 16),
        "decoder_embed.weight": torch.zeros(16, 32),
        "decoder_blocks.0.norm1.weight": torch.zeros(16),
        "decoder_blocks.0.attn.qkv.weight": torch.zeros(48, 16),
        "decoder_pred.weight": torch.zeros(768, 16),
    }
    return network.state_dict() | {"norm.weight": torch.ones(32)} | decoder


def test_mae_and_satmae_on_rgb_images_as_their_scripts_save_them(file: Path) -> None:
    original = timm_body("vit_large_patch16_224", **VIT)
    scrambled(original)
    args = Namespace(model="mae_vit_large_patch16", blr=1.5e-4, dist_url="env://", device="cuda")
    adam = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
    torch.save({"model": mae_of(original.model), "optimizer": adam, "args": args}, file)
    body = timm_body("vit_large_patch16_224", **VIT)
    audit = load(body, file)
    assert audit.fraction == 1 and "decoder_pred.weight" in audit.unexpected
    assert_same_features(body, original)


def test_satmaes_other_networks_are_refused_with_the_reason(file: Path) -> None:
    body = timm_body("vit_large_patch16_224", **VIT)
    tensors = mae_of(body.model)
    timed = tensors | {"pos_embed": torch.zeros(1, 17, 20)}
    torch.save({"model": timed}, file)
    with pytest.raises(WeightsDoNotFitError, match=r"over time series.*20 of 32 channels"):
        load(body, file)
    stems = {f"patch_embed.{group}.proj.weight": torch.zeros(32, 4, 16, 16) for group in range(3)}
    grouped = tensors | stems | {"channel_embed": torch.zeros(1, 3, 12)}
    torch.save({"model": grouped}, file)
    with pytest.raises(WeightsDoNotFitError, match="groups of channels"):
        load(body, file)


def torchvision_swin(bands: int) -> nn.Module:
    swin = SwinTransformer(
        [4, 4],
        24,
        [1, 2, 2, 1],
        [1, 2, 4, 8],
        [8, 8],
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
    )
    swin.features[0][0] = nn.Conv2d(bands, 24, 4, 4)
    return scrambled(swin)


@pytest.mark.parametrize("prefix", ["", "backbone.backbone."])
def test_torchvisions_swin_v2_as_torchgeo_keeps_satlas(file: Path, prefix: str) -> None:
    """At 256 px the deepest map is one window wide, and all computes alike."""
    original = torchvision_swin(9)
    torch.save({f"{prefix}{name}": t for name, t in original.state_dict().items()}, file)
    body = timm_body(
        "swinv2_tiny_window8_256",
        bands=9,
        img_size=256,
        embed_dim=24,
        depths=(1, 2, 2, 1),
        num_heads=(1, 2, 4, 8),
    )
    audit = load(body, file)
    assert audit.fraction == 1
    original.forward = lambda seen: original.features(seen).permute(0, 3, 1, 2)
    assert_same_features(body, original, images(9).repeat(1, 1, 4, 4))


@pytest.mark.parametrize(("name", "settings"), [("resnet18", {}), ("vit_small_patch16_224", VIT)])
def test_torchgeos_resnet_and_vit_with_a_stem_of_thirteen_bands(
    file: Path, name: str, settings: Any
) -> None:
    original = timm_body(name, bands=13, **settings)
    scrambled(original)
    save_file(original.model.state_dict(), file.with_suffix(".safetensors"))
    body = timm_body(name, bands=13, **settings)
    named = {"bands": SENTINEL2[::-1], "stem_bands": SENTINEL2}
    audit = load(body, file.with_suffix(".safetensors"), **named)
    assert audit.fraction == 1 and "by name" in audit.resized[0]
    body.register_forward_pre_hook(lambda _body, seen: (seen[0].flip(1),))
    assert_same_features(body, original, images(13))


def test_a_stem_of_other_bands_is_picked_by_name_and_the_audit_says_how(file: Path) -> None:
    torch.save(timm_body("resnet18", bands=13).model.state_dict(), file)
    named = {"bands": ("B4", "slope", "B8"), "stem_bands": SENTINEL2}
    audit = load(timm_body("resnet18"), file, **named)
    assert audit.resized == (
        "conv1.weight 64×13×7×7 to 64×3×7×7 by name, the mean filter for slope",
    )


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({}, r"conv1\.weight takes 13 channels and the data have 3 bands; list .* `bands`"),
        (
            {"bands": ("B4", "B3", "B2"), "stem_bands": SENTINEL2[:12]},
            "takes 13 channels, .* must name each of them once",
        ),
        (
            {"bands": ("B4", "B3", "B2"), "stem_bands": (*SENTINEL2, "B1")},
            "must name each of them once",
        ),
        (
            {"bands": ("B4", "B3", "B2"), "stem_bands": ("B2", *SENTINEL2[1:])},
            "must name each of them once",
        ),
        (
            {"bands": ("red", "green", "blue"), "stem_bands": SENTINEL2},
            r"none of the data's bands \(red, green, blue\)",
        ),
    ],
)
def test_a_stem_whose_bands_are_not_known_is_refused(
    file: Path, named: dict[str, Any], reason: str
) -> None:
    torch.save(timm_body("resnet18", bands=13).model.state_dict(), file)
    with pytest.raises(WeightsDoNotFitError, match=reason):
        load(timm_body("resnet18"), file, **named)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vit_base_patch16_224", "norm before its blocks; .*vit_base_patch32_clip_224"),
        ("vit_base_patch16_clip_224", "QuickGELU; .*quickgelu"),
    ],
)
def test_openais_vit_does_not_pass_for_one_that_computes_something_else(
    clip: SimpleNamespace, file: Path, name: str, reason: str
) -> None:
    original = clip.ViT(SIDE, 16, 32, 3, 2, clip.QuickGELU())
    torch.save(clip.with_text(original) | {"input_resolution": torch.tensor(SIDE)}, file)
    with pytest.raises(WeightsDoNotFitError, match=reason):
        load(timm_body(name, **VIT), file)


def test_clips_resnet_does_not_pass_for_a_plain_one(clip: SimpleNamespace, file: Path) -> None:
    torch.save(clip.with_text(clip.ResNet(8)), file)
    with pytest.raises(WeightsDoNotFitError, match=r"three convolutions; .*resnet50_clip"):
        load(timm_body("resnet18"), file)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_program_with_its_weights_is_refused(file: Path) -> None:
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(file)
    with pytest.raises(WeightsUnavailableError, match=r"TorchScript archive.*state_dict"):
        load(timm_body("resnet18"), file)
