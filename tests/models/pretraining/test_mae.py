import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones import Backbone
from models.pretraining import mae
from models.pretraining.training import PretrainingDivergedError, Recipe

BANDS, SIZE = 5, 64
VIT = "vit_tiny_patch16_224"
FAMILIES = ["resnet18", "efficientnet_b0", VIT, "swin_tiny_patch4_window7_224"]
CPU = torch.device("cpu")


def fields(number: int) -> Tensor:
    """Ripples [number, BANDS, SIZE, SIZE] whose sign differs from image to image, in noise.

    What is visible tells what is hidden; without it the best guess is zero.
    """
    noise = torch.Generator().manual_seed(0)
    ripple = torch.linspace(0, 8 * torch.pi, SIZE).sin() * 2**0.5
    signs = torch.where(torch.rand(number, 1, 1, 1, generator=noise) > 0.5, 1.0, -1.0)
    return signs * ripple + 0.1 * torch.randn(number, BANDS, SIZE, SIZE, generator=noise)


def backbone(name: str) -> Backbone:
    torch.manual_seed(0)
    return Backbone(name, BANDS, SIZE)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns_to_restore_any_bands(name):
    model, images = backbone(name), fields(16)
    before = {key: tensor.clone() for key, tensor in model.network.named_parameters()}
    recipe = Recipe(epochs=4, steps_per_epoch=4, lr=1e-3)
    epochs = list(
        mae.pretrain(model, lambda _: images.split(4), recipe, mask_ratio=0.6, device=CPU)
    )
    assert [epoch.numbers["epoch"] for epoch in epochs] == [1, 2, 3, 4]
    assert epochs[-1].numbers["loss"] < 0.95 * epochs[0].numbers["loss"]
    # The last map's own norm may be unused; all that carries the image must have moved.
    moved = [not torch.equal(t, before[key]) for key, t in model.network.named_parameters()]
    assert sum(moved) >= 0.95 * len(moved)


def test_the_same_seed_gives_the_same_weights():
    def trained() -> dict[str, Tensor]:
        model, images = backbone("resnet18"), fields(4)
        recipe = Recipe(epochs=1, steps_per_epoch=2, lr=1e-3, seed=3)
        list(mae.pretrain(model, lambda _: images.split(2), recipe, mask_ratio=0.6, device=CPU))
        return model.network.state_dict()

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_vit_encodes_the_class_token_and_visible_patches_only():
    autoencoder = mae.VisiblePatches(backbone(VIT))
    seen: list[Tensor] = []
    autoencoder.encoder.blocks[0].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    images = fields(3)
    visible = mae.random_subset(3, 16, 0.25)

    autoencoder.encoder.forward_features(images)
    features = autoencoder.encode(images, visible)

    whole, part = seen
    assert whole.shape[1] == 1 + 16 and part.shape[1] == 1 + 4 and features.shape == (3, 4, 192)
    index = visible.unsqueeze(-1).expand(-1, -1, 192)
    assert torch.equal(part[:, :1], whole[:, :1])
    assert torch.equal(part[:, 1:], whole[:, 1:].gather(1, index))


def test_what_a_vit_does_not_see_does_not_reach_its_features():
    autoencoder = mae.VisiblePatches(backbone(VIT)).eval()
    images, visible = fields(2), torch.tensor([[0, 5], [3, 15]])
    hidden = torch.ones(2, 16).scatter(1, visible, 0.0).view(2, 1, 4, 4)
    altered = images + 100 * F.interpolate(hidden, SIZE)
    torch.testing.assert_close(
        autoencoder.encode(images, visible), autoencoder.encode(altered, visible)
    )


def test_targets_are_in_the_order_of_the_vits_patches():
    patch_embed = backbone(VIT).network.patch_embed
    images = fields(2)
    patches = F.pixel_unshuffle(images, 16).flatten(2).transpose(1, 2)
    by_hand = F.linear(patches, patch_embed.proj.weight.flatten(1), patch_embed.proj.bias)
    torch.testing.assert_close(patch_embed(images), by_hand, rtol=1e-4, atol=1e-4)
    targets = mae.normalized_patches(images, 16)
    torch.testing.assert_close(targets.mean(2), torch.zeros(2, 16), atol=1e-5, rtol=0)


class Oracle(nn.Module):
    """Knows the answer, whatever it is given."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, _: Tensor) -> Tensor:
        return self.answer


@pytest.mark.parametrize("name", [VIT, "resnet18"])
def test_only_what_is_masked_counts_in_the_loss(name):
    kind = mae.VisiblePatches if name == VIT else mae.MaskedCells
    autoencoder, images = kind(backbone(name)), fields(2)
    cell = SIZE // round(autoencoder.positions**0.5)
    visible = torch.tensor([[0], [3]])
    shown = torch.zeros(2, autoencoder.positions).scatter(1, visible, 1.0)
    shown = F.interpolate(shown.view(2, 1, SIZE // cell, -1), SIZE)

    def loss(painted: Tensor) -> float:
        answer = (
            mae.normalized_patches(painted, cell)
            if name == VIT
            else F.pixel_unshuffle(painted, cell)
        )
        autoencoder.exit = Oracle(answer)
        return float(autoencoder(images, visible))

    assert loss(images) == 0
    assert loss(torch.where(shown > 0, images.flip(2), images)) == 0
    assert loss(torch.where(shown > 0, images, images.flip(2))) > 0


def test_masked_cells_reach_the_network_as_the_learned_value():
    autoencoder = mae.MaskedCells(backbone("resnet18"))
    autoencoder.hidden.data.fill_(9.0)
    seen: list[Tensor] = []
    autoencoder.encoder.network.conv1.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    images = fields(1)
    autoencoder(images, torch.tensor([[1, 2]]))
    assert torch.equal(seen[0][..., :32, 32:], images[..., :32, 32:])
    assert torch.equal(seen[0][..., 32:, :32], images[..., 32:, :32])
    assert (seen[0][..., :32, :32] == 9).all() and (seen[0][..., 32:, 32:] == 9).all()


def test_each_image_has_its_own_mask_of_the_right_size():
    chosen = mae.random_subset(50, 16, 0.25)
    assert chosen.shape == (50, 4)
    assert all(len(set(row)) == 4 for row in chosen.tolist())
    assert len({tuple(sorted(row)) for row in chosen.tolist()}) > 40
    assert set(chosen.flatten().tolist()) == set(range(16))


def test_a_diverged_stage_says_so():
    wild = torch.full((2, BANDS, SIZE, SIZE), torch.inf)
    stage = mae.pretrain(
        backbone(VIT), lambda _: [wild], Recipe(1, 1, lr=1e-3), mask_ratio=0.75, device=CPU
    )
    with pytest.raises(PretrainingDivergedError, match="epoch 1"):
        next(stage)


@pytest.mark.parametrize("name", [VIT, "resnet18"])
def test_what_is_restored_without_data_does_not_count(name: str) -> None:
    torch.manual_seed(0)
    kind = mae.VisiblePatches if name == VIT else mae.MaskedCells
    model = kind(backbone(name)).eval()
    visible = mae.random_subset(2, model.positions, 0.25)
    images = torch.randn(2, BANDS, SIZE, SIZE)
    images[:, :, :, 40:] = torch.nan
    loss = model(images, visible)
    loss.backward()
    restored = model.exit if isinstance(model, mae.MaskedCells) else model.exit[1]
    assert loss.isfinite() and restored.bias.grad.isfinite().all()
    everywhere = model(torch.full_like(images, torch.nan), visible)
    assert everywhere == 0
