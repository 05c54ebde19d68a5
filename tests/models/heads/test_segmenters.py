"""Every decoder works with every backbone family, and learns what it is trained on."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.batches import Batch
from datasets.source import IGNORE
from models.backbones import Backbone
from models.heads.linear import LinearProbe
from models.heads.options import SegmenterOptions
from models.heads.segmenters import (
    DPT,
    FPN,
    DeepLabV3Plus,
    SegFormer,
    SegmentationModel,
    UNet,
    UPerNet,
)
from models.model import Classes

ONE = Classes(("building",), (950, 50), (1000, 1000))
THREE = Classes(("building", "wood", "water"), (500, 20, 300, 180), (1000,) * 4)
EVERY_HEAD = pytest.mark.parametrize(
    "head", [FPN, UNet, UPerNet, DeepLabV3Plus, SegFormer, DPT, LinearProbe]
)


def batch_of(images: Tensor, masks: Tensor) -> Batch:
    none = [torch.zeros(0, 4)] * len(images), [torch.zeros(0).long()] * len(images)
    sizes = np.full((len(images), 2), images.shape[-1])
    return Batch(images, masks, *none, ["?"] * len(images), sizes, footprints=None)


def quarters(size: int, classes: int) -> Batch:
    """Four noisy images whose quarters are classes 0 … `classes`, each of its own brightness."""
    generator = torch.Generator().manual_seed(0)
    tiles = torch.stack([torch.arange(4).roll(turn) for turn in range(4)]) % (classes + 1)
    masks = tiles.view(4, 2, 2).repeat_interleave(size // 2, 1).repeat_interleave(size // 2, 2)
    noise = 0.1 * torch.randn(4, 3, size, size, generator=generator)
    images = noise + masks[:, None] - masks.float().mean()
    masks[:, :4, :4] = IGNORE
    return batch_of(images, masks.to(torch.uint8))


@pytest.fixture(
    scope="module",
    params=["test_resnet", "test_vit", "test_efficientnet", "swin_tiny_patch4_window7_224"],
)
def network(request: pytest.FixtureRequest) -> Backbone:
    """Frozen, as a transformer's step takes most of a test's time."""
    backbone = Backbone(request.param, 5, 32)
    backbone.network.requires_grad_(False)
    return backbone


@pytest.fixture
def backbone(network: Backbone) -> Iterator[Backbone]:
    """One for all tests: what a head does to its pyramid is undone."""
    pyramid = copy.deepcopy(network.pyramid)
    yield network
    network.pyramid = pyramid


@EVERY_HEAD
def test_every_head_takes_a_step_with_every_family(
    backbone: Backbone, head: type[SegmentationModel]
) -> None:
    """Every weight of the head is trained, and most outputs change."""
    torch.manual_seed(0)
    model = head(backbone, THREE, SegmenterOptions())
    images, masks = torch.randn(2, 5, 32, 32), torch.randint(4, (2, 32, 32), dtype=torch.uint8)
    before = model.eval().outputs(images).detach()
    assert before.shape == (2, 4, 32, 32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train().losses(batch_of(images, masks))["cross_entropy"].backward()
    unused = [n for n, w in model.named_parameters() if w.requires_grad and w.grad is None]
    assert unused == []
    optimizer.step()
    assert (model.eval().outputs(images) != before).float().mean() > 0.9


@pytest.mark.parametrize(("classes", "channels"), [(ONE, 1), (THREE, 4)])
def test_predicts_the_most_probable_class_of_each_pixel(classes: Classes, channels: int) -> None:
    model = FPN(Backbone("test_resnet", 3, 64), classes, SegmenterOptions()).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert model.outputs(images).shape == (2, channels, 64, 64)
    first, _ = model.predict(images)
    mask, probabilities = first["mask"], first["probabilities"]
    assert (mask.shape, mask.dtype) == ((64, 64), torch.uint8)
    assert probabilities.shape == (len(classes.names) + 1, 64, 64)
    assert probabilities.dtype == torch.float32
    assert torch.equal(probabilities.argmax(dim=0), mask.long())
    assert torch.allclose(probabilities.sum(dim=0), torch.ones(64, 64))


@EVERY_HEAD
def test_all_weights_are_trained(head: type[SegmentationModel]) -> None:
    model = head(Backbone("test_vit", 3, 64), ONE, SegmenterOptions(loss="bce+jaccard"))
    terms = model.losses(quarters(64, classes=1))
    assert list(terms) == ["bce", "jaccard"]
    sum(terms.values()).backward()  # type: ignore[union-attr]
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


def test_a_linear_probe_is_a_convolution_of_the_concatenated_maps() -> None:
    model = LinearProbe(Backbone("test_resnet", 3, 64), THREE, SegmenterOptions()).eval()
    for norm in model.norms:
        nn.init.uniform_(norm.running_mean)  # type: ignore[arg-type]
    images = torch.randn(2, 3, 64, 64)
    maps = [norm(m) for norm, m in zip(model.norms, model.encoder(images), strict=True)]
    whole = [F.interpolate(m, 64, mode="bilinear", align_corners=False) for m in maps]
    expected = model.head(torch.cat(whole, dim=1))
    torch.testing.assert_close(model.outputs(images), expected, rtol=1e-4, atol=1e-5)


def test_a_linear_probe_of_a_plain_vit_has_no_layer_but_its_own() -> None:
    """Its maps at strides 4 and 8 come of layers that are trained, and are not read."""
    backbone = Backbone("test_vit", 3, 64)
    width = backbone.channels[0]
    model = LinearProbe(backbone, ONE, SegmenterOptions())
    model.backbone.network.requires_grad_(False)
    trained = {name: w.shape for name, w in model.named_parameters() if w.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"norms", "head"}
    assert trained["head.weight"] == (1, 2 * width, 1, 1)


def test_overfits_a_batch() -> None:
    torch.manual_seed(0)
    options = SegmenterOptions(loss="cross_entropy+dice", class_weights="inverse")
    model = FPN(Backbone("test_resnet", 3, 64), THREE, options)
    data = quarters(64, classes=3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(12):
        optimizer.zero_grad()
        sum(model.losses(data).values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    model.eval()
    found = torch.stack([image["mask"] for image in model.predict(data.images)])
    assert (found == data.masks)[data.masks != IGNORE].float().mean() > 0.9


class PooledImages(nn.Module):
    """A decoder whose output is the images' first band at stride 4."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        return nn.functional.avg_pool2d(maps[0][:, :1], 4)


def test_logits_are_not_shifted_against_their_pixels() -> None:
    """A shift by a part of a pixel would cost IoU at every edge."""
    model = FPN(Backbone("test_resnet", 3, 64), ONE, SegmenterOptions())
    model.decoder, model.head = PooledImages(), nn.Identity()  # type: ignore[assignment]
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    inner = slice(2, -2)
    assert torch.allclose(model.outputs(ramp)[..., inner], ramp[:, :1, :, inner], atol=1e-6)
