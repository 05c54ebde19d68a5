"""Every decoder works with every backbone family, and learns what it is trained on."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.batches import Batch
from datasets.source import IGNORE
from models.backbones import Backbone
from models.heads.options import SegmenterOptions
from models.heads.segmenters import FPN, SegmentationModel, UNet, UPerNet
from models.model import Classes

ONE = Classes(("building",), (950, 50), (1000, 1000))
THREE = Classes(("building", "wood", "water"), (500, 20, 300, 180), (1000,) * 4)


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
    params=["test_resnet", "test_vit", "efficientnet_b0", "swin_tiny_patch4_window7_224"],
)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return Backbone(request.param, 5, 64)


@pytest.mark.parametrize("head", [FPN, UNet, UPerNet])
def test_every_decoder_works_with_every_family(
    backbone: Backbone, head: type[SegmentationModel]
) -> None:
    model = head(backbone, THREE, SegmenterOptions()).eval()
    with torch.no_grad():
        assert model.outputs(torch.randn(1, 5, 64, 64)).shape == (1, 4, 64, 64)


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


@pytest.mark.parametrize("head", [FPN, UNet, UPerNet])
def test_all_weights_are_trained(head: type[SegmentationModel]) -> None:
    model = head(Backbone("test_vit", 3, 64), ONE, SegmenterOptions(loss="bce+jaccard"))
    terms = model.losses(quarters(64, classes=1))
    assert list(terms) == ["bce", "jaccard"]
    sum(terms.values()).backward()  # type: ignore[union-attr]
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


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
