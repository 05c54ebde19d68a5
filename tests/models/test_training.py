"""The training loop: it learns, is the same twice, is resumed, and ends on NaN."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from datasets import Prepared, Split, open_split
from datasets.augment.augmentation import augmentation_of
from datasets.batches import Batch, batch_of
from models.backbones import Backbone
from models.heads.faster_rcnn import FasterRCNNDetector
from models.heads.options import FasterRCNNOptions
from models.model import Classes
from models.optimisation import make_optimizer, warmup_and_decay
from models.tasks import TASKS
from models.training import Epoch, Recipe, optimiser_steps, train, training_batches
from tests.models.recipes import PLAIN
from tests.models.recipes import RECIPE as SHORT

CPU = torch.device("cpu")
RECIPE = replace(SHORT, lr=2e-3, batch_size=16)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def splits(tiny_data: Prepared) -> tuple[Split, Split]:
    return open_split(tiny_data, "train"), open_split(tiny_data, "val")


def detector() -> FasterRCNNDetector:
    torch.manual_seed(0)
    classes = Classes(("landslide",), (), ())
    return FasterRCNNDetector(Backbone("test_resnet", 3, 32), classes, FasterRCNNOptions())


def epochs_of(splits: tuple[Split, Split], recipe: Recipe, **options: Any) -> list[Epoch]:
    return list(train(detector(), TASKS["detection"], *splits, recipe, CPU, **options))


def timeless(epoch: Epoch) -> dict[str, float]:
    return {name: value for name, value in epoch.metrics.items() if name != "seconds"}


def test_an_epoch_has_the_losses_and_metrics_of_its_head_and_task(
    splits: tuple[Split, Split],
) -> None:
    (epoch,) = epochs_of(splits, replace(RECIPE, epochs=1))
    terms = {name.removeprefix("loss/") for name in epoch.metrics if name.startswith("loss/")}
    assert terms == set(FasterRCNNOptions().terms)
    assert set(TASKS["detection"].metrics) <= set(epoch.metrics)


def test_loss_falls_and_so_does_the_learning_rate(splits: tuple[Split, Split]) -> None:
    first, *_, last = epochs_of(splits, RECIPE)
    assert last.metrics["loss"] < 0.9 * first.metrics["loss"]
    assert last.metrics["lr"] < 0.1 * RECIPE.lr  # the end of the cosine


def test_loss_weights_apply_to_the_terms_they_name(splits: tuple[Split, Split]) -> None:
    """With weight 0 for all other terms, the loss is twice the one of weight 2."""
    nothing = dict.fromkeys(FasterRCNNOptions().terms, 0.0)
    recipe = replace(RECIPE, epochs=1, loss_weights={**nothing, "roi_class": 2.0})
    (epoch,) = epochs_of(splits, recipe)
    assert epoch.metrics["loss"] == pytest.approx(2 * epoch.metrics["loss/roi_class"], rel=1e-5)


def test_resumed_training_gives_what_an_uninterrupted_one_gives(
    splits: tuple[Split, Split], tmp_path: Any
) -> None:
    whole = epochs_of(splits, RECIPE)
    running = train(detector(), TASKS["detection"], *splits, RECIPE, CPU)
    torch.save(next(running).state(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed = epochs_of(splits, RECIPE, resume=state)
    assert [epoch.number for epoch in resumed] == [2, 3]
    assert [timeless(epoch) for epoch in resumed] == [timeless(epoch) for epoch in whole[1:]]


def test_loss_that_is_not_finite_ends_the_training_as_diverged(
    splits: tuple[Split, Split],
) -> None:
    epochs = epochs_of(splits, replace(RECIPE, lr=1e30, clip_norm=1e30))
    assert epochs[-1].diverged
    assert len(epochs) < RECIPE.epochs
    assert set(epochs[-1].metrics) == {"seconds"}


def test_a_diverged_epoch_ends_with_the_weights_before_its_first_lost_step(
    splits: tuple[Split, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of the epoch's steps is lost; those that follow it would not be."""
    recipe, model, seen = replace(RECIPE, epochs=1, batch_size=4), detector(), []
    plain = model.losses

    def losses(batch: Batch) -> dict[str, Tensor]:
        seen.append([one.detach().clone() for one in model.parameters()])
        factor = torch.nan if len(seen) == 2 else 1.0
        return {name: factor * term for name, term in plain(batch).items()}

    monkeypatch.setattr(model, "losses", losses)
    (epoch,) = train(model, TASKS["detection"], *splits, recipe, CPU)
    assert epoch.diverged
    assert len(seen) > 2
    torch.testing.assert_close(list(model.parameters()), seen[1], rtol=0, atol=0)
    assert not all(map(torch.equal, seen[0], seen[1]))


def test_the_first_steps_are_those_of_a_plain_loop(splits: tuple[Split, Split]) -> None:
    """Images standardised one by one, torch's own clipping and its plain optimiser."""
    training, _ = splits
    recipe = replace(RECIPE, epochs=1, batch_size=4, augment=PLAIN, clip_norm=0.5)
    ours, theirs = detector(), detector().train()
    (epoch,) = train(ours, TASKS["detection"], *splits, recipe, CPU)

    rng = np.random.default_rng([recipe.seed, 1])
    torch.manual_seed(int(rng.integers(2**31)))
    order = rng.permutation(len(training))
    optimizer = make_optimizer(theirs, recipe.optimizer, recipe.lr, recipe.weight_decay)
    for group in optimizer.param_groups:
        group["fused"] = False
    steps = len(optimiser_steps(training, recipe))
    schedule = warmup_and_decay(optimizer, round(recipe.warmup_epochs * steps), steps)
    losses = []
    for step in range(steps):
        rows = order[step * 4 : step * 4 + 4]
        batch = batch_of(training, rows)
        images = [
            (training.images[row] - training.mean[:, None, None]) / training.std[:, None, None]
            for row in rows
        ]
        batch = replace(batch, images=torch.tensor(np.stack(images), dtype=torch.float32))
        loss = torch.stack(list(theirs.losses(batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), recipe.clip_norm)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert epoch.metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-3)


@pytest.mark.parametrize("change", [{"seed": 1}, {"augment": PLAIN}])
def test_seed_and_augmentation_change_what_is_seen(
    splits: tuple[Split, Split], change: dict[str, Any]
) -> None:
    (before,) = epochs_of(splits, replace(RECIPE, epochs=1))
    (after,) = epochs_of(splits, replace(RECIPE, epochs=1, **change))
    assert timeless(before) != timeless(after)


def test_an_epoch_has_the_same_augmented_batches_whenever_it_is_trained(
    splits: tuple[Split, Split],
) -> None:
    recipe = replace(RECIPE, augment=augmentation_of({"augment": "strong"}))
    first, again = (list(training_batches(splits[0], recipe, 2, CPU)) for _ in range(2))
    (other, *_) = training_batches(splits[0], recipe, 3, CPU)
    for one, same in zip(first, again, strict=True):
        assert one.names == same.names
        torch.testing.assert_close(one.images, same.images, rtol=0, atol=0)
        assert torch.equal(one.masks, same.masks)
    assert not torch.equal(first[0].images, other.images)


def test_augmentation_by_strengths_changes_what_is_learnt(splits: tuple[Split, Split]) -> None:
    strong = replace(RECIPE, epochs=1, augment=augmentation_of({"augment": "strong"}))
    (epoch,) = epochs_of(splits, strong)
    (plain,) = epochs_of(splits, replace(RECIPE, epochs=1))
    assert not epoch.diverged
    assert epoch.metrics["loss"] != plain.metrics["loss"]


def test_detector_overfits_two_images(splits: tuple[Split, Split]) -> None:
    """Overfitted on two images, the detector's box of highest score is where an object is."""
    training, _ = splits
    batch = batch_of(training, training.first_with("boxes", 2))
    model = detector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(80):
        model.train()
        loss = torch.stack(list(model.losses(batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    for found, truth in zip(model.predict(batch.images), batch.boxes, strict=True):
        assert box_iou(found["boxes"][:1], truth).max() > 0.5
