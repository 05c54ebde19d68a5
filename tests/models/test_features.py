"""Features of a frozen network are computed once, and nothing else changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datasets import Split
from datasets.batches import batches
from models.backbones import Backbone
from models.features import FeatureStore, feeding
from models.heads import HEADS
from models.heads.options import SegmenterOptions
from models.heads.segmenters import FPN
from models.model import Classes, Model
from models.resizing import Resized
from models.tasks import TASKS
from models.training import Epoch, train
from tests.models.recipes import FLIPS, PLAIN, RECIPE, made_split

CPU = torch.device("cpu")
FROZEN = replace(RECIPE, epochs=2, frozen=True, augment=PLAIN)
CLASSES = Classes(("landslide",), (900, 100), (1000, 1000))
Splits = tuple[Split, Split]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def splits() -> Splits:
    return made_split(12, seed=0), made_split(6, seed=1)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features", "a fingerprint")


def built(head: str, backbone: str = "test_resnet", task: str = "segmentation") -> Model:
    torch.manual_seed(0)
    made = HEADS[task][head]
    return made.build(Backbone(backbone, 3, 32), CLASSES, made.options())


def trained(
    model: Model, splits: Splits, task: str = "segmentation", **options: Any
) -> tuple[list[Epoch], int]:
    """The epochs, and how often the network was run."""
    runs: list[None] = []
    hook = model.backbone.body.register_forward_hook(lambda *_: runs.append(None))
    recipe = options.pop("recipe", FROZEN)
    epochs = list(train(model, TASKS[task], *splits, recipe, CPU, **options))
    hook.remove()
    return epochs, len(runs)


def alike(some: list[Epoch], others: list[Epoch]) -> None:
    for one, other in zip(some, others, strict=True):
        for name, value in one.metrics.items():
            if name != "seconds":
                assert value == pytest.approx(other.metrics[name], rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize(
    ("task", "head", "backbone"),
    [
        ("segmentation", "fpn", "test_resnet"),
        ("segmentation", "upernet", "test_vit"),
        ("segmentation", "unet", "test_resnet"),
        ("detection", "faster_rcnn", "test_vit"),
    ],
)
def test_kept_features_change_no_loss_and_no_score(
    splits: Splits, store: FeatureStore, task: str, head: str, backbone: str
) -> None:
    """A network that runs in every step, one whose features are made, and one that never runs."""
    epochs, runs = trained(built(head, backbone, task), splits, task)
    made, once = trained(built(head, backbone, task), splits, task, features=store)
    read, never = trained(built(head, backbone, task), splits, task, features=store)
    assert runs == 2 * (2 + 1), "two batches of train and one of val, in two epochs"
    assert (once, never) == (2 + 1, 0)
    alike(made, epochs)
    alike(read, epochs)


def test_scenes_and_averages_are_scored_on_kept_features(
    splits: Splits, store: FeatureStore
) -> None:
    options: dict[str, Any] = {"recipe": replace(FROZEN, ema=0.9), "whole_scenes": True}
    epochs, _ = trained(built("fpn"), splits, **options)
    trained(built("fpn"), splits, features=store, **options)
    read, never = trained(built("fpn"), splits, features=store, **options)
    assert never == 0
    alike(read, epochs)


def test_features_are_of_the_images_that_the_model_makes_of_those_of_the_data(
    splits: Splits, store: FeatureStore
) -> None:
    def model() -> Resized:
        torch.manual_seed(0)
        return Resized(FPN(Backbone("test_resnet", 3, 64), CLASSES, SegmenterOptions()))

    epochs, _ = trained(model(), splits)
    read, _ = trained(model(), splits, features=store)
    alike(read, epochs)


@pytest.mark.parametrize(
    "change",
    [{"augment": FLIPS}, {"frozen": False, "freeze_epochs": 1}, {"keep_features": False}],
    ids=str,
)
def test_nothing_is_kept_of_a_network_that_has_other_answers_or_is_not_to_be_kept(
    splits: Splits, store: FeatureStore, change: dict[str, Any]
) -> None:
    recipe = replace(FROZEN, epochs=1, **change)
    trained(built("fpn"), splits, features=store, recipe=recipe)
    assert not store.folder.exists()


def named(splits: Splits) -> dict[str, Split]:
    return dict(zip(("train", "val"), splits, strict=True))


def weights(model: Model, splits: Splits) -> Splits:
    with torch.no_grad():
        next(iter(model.backbone.network.parameters())).add_(1e-3)
    return splits


def pixels(model: Model, splits: Splits) -> Splits:
    train, val = splits
    return replace(train, mean=train.mean + 1), val


@pytest.mark.parametrize("change", [weights, pixels])
def test_other_weights_or_images_have_features_of_their_own(
    splits: Splits, store: FeatureStore, change: Callable[[Model, Splits], Splits]
) -> None:
    for model, used in [(built("fpn"), splits), (other := built("fpn"), change(other, splits))]:
        store.of(model, named(used), CPU)
    assert len([one for one in store.folder.iterdir() if one.is_dir()]) == 2


def test_features_that_are_cut_off_are_made_again(splits: Splits, store: FeatureStore) -> None:
    (whole, *_) = store.of(built("fpn"), named(splits), CPU)["train"]
    rows = np.array([0, 5])
    maps = whole.of(rows).clone()
    (file,) = store.folder.glob("*/train.0")
    file.write_bytes(file.read_bytes()[:-1])
    (again, *_) = store.of(built("fpn"), named(splits), CPU)["train"]
    assert torch.equal(again.of(rows), maps)


def test_a_backbone_whose_maps_are_known_is_asked_for_no_other_images(
    splits: Splits, store: FeatureStore
) -> None:
    model = built("fpn")
    kept = store.of(model, named(splits), CPU)
    for batch in feeding(model.backbone, kept["train"])(batches(splits[0], 4)):
        with pytest.raises(ValueError, match="images of another batch"):
            model.predict(batch.images[:1])
    assert model.predict(batch.images[:1]), "afterwards the network runs"
