"""The head is a classifier of the stacked features, without the stack; its three stages."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from datasets.batches import batch_of
from datasets.cache import Split
from models.backbones import Backbone
from models.heads.hypercolumn import network
from models.heads.hypercolumn.network import DropoutReLU, Hypercolumn, PixelClassifier
from models.heads.hypercolumn.options import HypercolumnOptions
from models.model import Classes
from tests.models.heads.hypercolumn.splits import split_of

CPU = torch.device("cpu")
WIDTHS = (5, 4, 3, 2, 2)
CLASSES = Classes(("building",), pixels=(900, 100), areas=(1000, 1000))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def narrow(monkeypatch: Any) -> None:
    """A classifier that takes no time."""
    monkeypatch.setattr(network, "HIDDEN", 8)


@functools.cache
def backbone(name: str) -> Backbone:
    """One for all tests: no head changes it."""
    torch.manual_seed(0)
    return Backbone(name, 3, 32)


def head(name: str = "vgg11", **options: Any) -> Hypercolumn:
    torch.manual_seed(0)
    return Hypercolumn(backbone(name), CLASSES, HypercolumnOptions(**options))


def towns(count: int, seed: int) -> Split:
    """Bright roofs, a fifth of each image, on ground of changing colour; 32 px."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 0.3, (count, 3, 32, 32)).astype(np.float32)
    images += rng.normal(0, 0.3, (count, 3, 1, 1)).astype(np.float32)
    masks = np.zeros((count, 32, 32), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        x, y = rng.integers(0, 16, 2)
        mask[y : y + 14, x : x + 14] = 1
        image[:, mask == 1] += np.array([[1.0], [0.5], [0.0]], np.float32)
    return split_of(images, masks)


def stacked(scales: Sequence[Tensor]) -> Tensor:
    """The definition of hypercolumns [B, S, S, C]: every map enlarged to full size."""
    size = scales[0].shape[2:]
    maps = [F.interpolate(m, size, mode="bilinear", align_corners=False) for m in scales]
    return torch.cat(maps, dim=1).permute(0, 2, 3, 1)


def scales_of(images: int, size: int) -> list[Tensor]:
    return [
        torch.randn(images, width, size >> i, size >> i, dtype=torch.float64)
        for i, width in enumerate(WIDTHS)
    ]


def gradients(classifier: PixelClassifier, outputs: Tensor) -> list[Tensor]:
    weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).reshape(outputs.shape)
    return list(torch.autograd.grad((outputs * weights).sum(), list(classifier.parameters())))


@pytest.mark.parametrize("kept", [0, 2000, 2**20])
@pytest.mark.parametrize(
    ("images", "size", "tile"),
    [
        (1, 64, 16),  # tiles within, at edges, at corners
        (2, 96, 64),  # tiles of two sizes, an image at a time
        (3, 32, 48),  # two images at a time, and one
    ],
)
def test_dense_outputs_and_gradients_are_those_of_the_stack(
    images: int, size: int, tile: int, kept: int, narrow: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(network, "TILE", tile)
    monkeypatch.setattr(network, "KEPT_PIXELS", kept)
    torch.manual_seed(0)
    classifier, scales = PixelClassifier(WIDTHS, 3, dropout=0.0).double(), scales_of(images, size)
    outputs, expected = classifier.dense(scales), classifier(stacked(scales)).permute(0, 3, 1, 2)
    torch.testing.assert_close(outputs, expected, rtol=1e-10, atol=1e-12)
    found = gradients(classifier, outputs)
    torch.testing.assert_close(found, gradients(classifier, expected), rtol=1e-10, atol=1e-10)


def test_outputs_are_those_of_the_standardised_stack(narrow: None) -> None:
    model, images = head().eval(), torch.randn(1, 3, 32, 32)
    model.mean.uniform_(-1, 1)
    model.std.uniform_(0.5, 2)
    columns = (stacked(model.zoom_out(images)) - model.mean) / model.std
    expected = model.classifier(columns).permute(0, 3, 1, 2)
    torch.testing.assert_close(model.outputs(images), expected)


def test_recomputed_activations_drop_the_same_units(narrow: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(network, "TILE", 16)
    classifier, scales = PixelClassifier(WIDTHS, 1, dropout=0.5).double(), scales_of(2, 32)
    found = []
    for kept in (0, 2**20):
        monkeypatch.setattr(network, "KEPT_PIXELS", kept)
        torch.manual_seed(1)
        found.append(gradients(classifier, classifier.dense(scales)))
    torch.testing.assert_close(found[0], found[1])


class Largest(TorchDispatchMode):
    """The most values that any tensor had that an operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.values = max(self.values, tensor.numel())
        return result


def test_nothing_grows_with_the_image_times_the_hidden_width(monkeypatch: Any) -> None:
    monkeypatch.setattr(network, "HIDDEN", 256)
    monkeypatch.setattr(network, "TILE", 32)
    classifier = PixelClassifier(WIDTHS, 1, dropout=0.5)
    sizes = {}
    for size in (64, 128):
        with Largest() as largest:
            classifier.dense([maps.float() for maps in scales_of(1, size)]).sum().backward()
        sizes[size] = largest.values
    assert sizes[64] == sizes[128] == 32**2 * 256


def test_activations_of_a_large_image_are_not_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr(network, "HIDDEN", 64)
    monkeypatch.setattr(network, "TILE", 16)
    monkeypatch.setattr(network, "KEPT_PIXELS", 2 * 16**2)
    classifier, scales = PixelClassifier(WIDTHS, 1, dropout=0.5).double(), scales_of(1, 64)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel() * (tensor.shape[-1] == 64)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = classifier.dense(scales)  # kept, or its addresses would be used again
    assert sum(kept.values()) <= 4 * network.KEPT_PIXELS * 64 + 2 * 64**2 < 64**2 * 64
    assert outputs.requires_grad


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5])
def test_dropout_keeps_the_mean_and_its_gradient_follows_what_is_kept(probability: float) -> None:
    torch.manual_seed(0)
    layer = DropoutReLU(probability)
    hidden = torch.randn(400, 500, requires_grad=True)
    result = layer(hidden.clone())
    kept = result > 0
    torch.testing.assert_close(result[kept], hidden[kept] / (1 - probability))
    assert kept.sum() / (hidden > 0).sum() == pytest.approx(1 - probability, abs=0.01)
    result.sum().backward()
    torch.testing.assert_close(hidden.grad, kept / (1 - probability))
    assert torch.equal(layer.eval()(hidden.clone()), hidden.relu())


def test_frozen_backbone_stays_as_it_was(narrow: None) -> None:
    """Batch statistics included, although the model is in training mode."""
    model = head("vgg11_bn").train()
    before = {name: t.clone() for name, t in model.backbone.state_dict().items()}
    model.before_training(towns(4, 0), 0, CPU)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.stack(list(model.losses(batch_of(towns(4, 0), np.arange(4))).values())).sum().backward()
    optimizer.step()
    after = model.backbone.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    trained = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"classifier"}


def test_features_are_standard_on_the_training_images(narrow: None) -> None:
    """Mean 0 and deviation 1 over all pixels at full size; a dead channel is 0 throughout."""
    model, training = head(pixel_epochs=0), towns(6, 0)
    model.before_training(training, 0, CPU)
    scales = model.scales(batch_of(training, np.arange(6)).images)
    std, mean = torch.std_mean(stacked(scales), dim=(0, 1, 2), correction=0)
    dead = std == 0
    assert not dead.all()
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-3, rtol=0)
    torch.testing.assert_close(std[~dead], torch.ones_like(std[~dead]), atol=1e-3, rtol=0)


def intersection_over_union(model: Hypercolumn, split: Split) -> float:
    model.eval()
    found = np.stack([p["mask"].numpy() for p in model.predict(torch.from_numpy(split.images))])
    both = (found == 1) & (split.masks == 1)
    either = (found == 1) | (split.masks == 1)
    return float(both.sum() / either.sum())


def test_single_pixels_teach_the_dense_network() -> None:
    """On held-out images, with random weights of the network: its features are enough."""
    model, held_out = head(pixels_per_class=20, pixel_epochs=4), towns(4, 1)
    before = intersection_over_union(model, held_out)
    model.before_training(towns(12, 0), 0, CPU)
    assert intersection_over_union(model, held_out) > max(0.6, before)


def test_dense_training_starts_from_the_pixels() -> None:
    model, training = head(pixels_per_class=20, pixel_epochs=1), towns(4, 0)
    model.before_training(training, 0, CPU)
    optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=1e-3)
    batch = batch_of(training, np.arange(4))
    losses = []
    for _ in range(5):
        model.train()
        loss = model.losses(batch)["cross_entropy"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_class_weights_reach_the_pixel_classifier(narrow: None) -> None:
    """A class of weight 0 is never found."""
    model = head(class_weights="1, 0", pixel_lr=1e-2)
    model.before_training(towns(6, 0), 0, CPU)
    assert intersection_over_union(model, towns(4, 1)) == 0


def test_seed_determines_the_first_two_stages(narrow: None) -> None:
    def trained(seed: int) -> Tensor:
        model = head(pixel_epochs=2)
        model.before_training(towns(4, 0), seed, CPU)
        return model.classifier.hidden.weight

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_state_holds_the_result_of_the_first_stages_and_each_parameter_once(narrow: None) -> None:
    model = head()
    model.before_training(towns(4, 0), 0, CPU)
    images = torch.from_numpy(towns(2, 1).images)
    fresh = head()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.eval().outputs(images), model.eval().outputs(images))
    names = [name for name in model.state_dict() if name.endswith("features.0.weight")]
    assert names == ["encoder.body.model.features.0.weight"]
