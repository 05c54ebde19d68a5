from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, kl_divergence

from models.backbones import Backbone
from models.pretraining.distillation import Classifier, distil, softened_divergence, train_teacher
from models.pretraining.training import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=3, steps_per_epoch=4, lr=1e-3)


def batches(_epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Noise, half of it with a bright square: the object."""
    noise = torch.Generator().manual_seed(0)
    for _ in range(4):
        images = torch.randn(8, 4, 64, 64, generator=noise)
        positive = torch.arange(8) % 2 == 0
        images[positive, :, 16:40, 16:40] += 2
        yield images, positive


def classifier(name: str, seed: int) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(Backbone(name, 4, 64))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_loss_is_hintons(temperature):
    seeded = torch.Generator().manual_seed(0)
    student, teacher = 5 * torch.randn(2, 64, generator=seeded, dtype=torch.float64)
    expected = kl_divergence(
        Bernoulli(logits=teacher / temperature), Bernoulli(logits=student / temperature)
    ).mean()
    actual = softened_divergence(student, teacher, temperature)
    torch.testing.assert_close(actual, temperature**2 * expected)
    assert softened_divergence(teacher, teacher, temperature) == 0


def test_soft_loss_is_finite_for_a_very_sure_teacher():
    sure = torch.tensor([1e4, -1e4])
    assert torch.isfinite(softened_divergence(-sure, sure, 2.0))


def test_a_teacher_learns_and_a_student_comes_closer_to_it():
    teacher = classifier("resnet18", seed=0)
    lessons = [one.numbers for one in train_teacher(teacher, batches, RECIPE, device=CPU)]
    assert lessons[-1]["loss"] < 0.7 * lessons[0]["loss"] and lessons[-1]["accuracy"] > 0.9

    frozen = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    torch.manual_seed(1)
    student = Backbone("vit_tiny_patch16_224", 4, 64)
    before = {name: tensor.clone() for name, tensor in student.network.state_dict().items()}
    stage = distil(student, teacher, batches, RECIPE, temperature=2, hard_weight=0.3, device=CPU)
    epochs = [one.numbers for one in stage]

    assert epochs[-1]["soft"] < 0.5 * epochs[0]["soft"]
    for epoch in epochs:
        assert epoch["loss"] == pytest.approx(0.3 * epoch["hard"] + 0.7 * epoch["soft"], rel=1e-4)
    assert any(not torch.equal(t, before[name]) for name, t in student.network.state_dict().items())
    # Frozen: no weight, no running mean, and no counter of batch norm has moved.
    assert all(torch.equal(t, frozen[name]) for name, t in teacher.state_dict().items())
    assert not teacher.training and not any(p.requires_grad for p in teacher.parameters())


def test_without_hard_weight_labels_do_not_matter():
    def wrong(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for images, positive in batches(epoch):
            yield images, ~positive

    recipe = Recipe(epochs=1, steps_per_epoch=4, lr=1e-3)
    stems = []
    for labelled in (batches, wrong):
        torch.manual_seed(1)
        student = Backbone("vit_tiny_patch16_224", 4, 64)
        teacher = classifier("vit_tiny_patch16_224", seed=0)
        list(distil(student, teacher, labelled, recipe, temperature=2.0, hard_weight=0, device=CPU))
        stems.append(student.network.state_dict()["patch_embed.proj.weight"])
    assert torch.equal(*stems)
