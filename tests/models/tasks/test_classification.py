"""Labels of whole images: how they are scored, and drawn below each image."""

import numpy as np
import pytest
import torch

from datasets.batches import Batch
from datasets.colours import SKY, VERMILION
from models.backbones import Backbone
from models.heads import HEADS
from models.model import Classes, Model
from models.tasks.classification import draw_labels, score_classifier
from runs.predictions import Found
from runs.tallies import LabelTally

CPU = torch.device("cpu")


def batch_of(labels: torch.Tensor) -> Batch:
    """An image for each row of labels, bool [B, K]."""
    count = len(labels)
    return Batch(
        images=torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
        masks=torch.zeros(count, 32, 32, dtype=torch.uint8),
        boxes=[torch.empty(0, 4)] * count,
        labels=[torch.empty(0, dtype=torch.int64)] * count,
        names=[f"image {number}" for number in range(count)],
        sizes=np.full((count, 2), 32),
        footprints=None,
        image_labels=labels,
    )


def built(*, multi_label: bool) -> Model:
    head = HEADS["classification"]["linear"]
    classes = Classes(("forest", "water"), (), (), (1, 1), multi_label)
    options = head.options(loss="bce" if multi_label else "cross_entropy")
    return head.build(Backbone("test_resnet", 3, 32), classes, options)


def test_images_of_several_labels_or_none_are_learnt_and_scored() -> None:
    batch = batch_of(torch.tensor([[True, True], [False, False], [False, True]]))
    model = built(multi_label=True)
    model.losses(batch)["bce"].backward()
    kept: list[Found] = []
    scored = score_classifier(
        model, [batch], CPU, ("forest", "water"), lambda _, found: kept.extend(found)
    )
    assert isinstance(scored.tally, LabelTally)
    assert batch.image_labels is not None
    assert np.array_equal(scored.tally.truths, batch.image_labels)
    assert np.array_equal(scored.tally.found, [image["classes"] for image in kept])
    assert {"F1", "accuracy", "mAP", "AP/forest"} <= scored.metrics.keys()


def test_a_split_without_a_label_has_no_score() -> None:
    batch = batch_of(torch.zeros(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="no image of the split has a label"):
        score_classifier(built(multi_label=True), [batch], CPU, ("forest", "water"))


def test_the_truth_and_what_was_found_stand_below_each_image() -> None:
    batch = batch_of(torch.eye(2, dtype=torch.bool))
    pictures = torch.full((2, 3, 32, 32), 77, dtype=torch.uint8)
    colours = {"forest": SKY, "water": VERMILION}
    drawn = draw_labels(built(multi_label=False), batch, pictures, CPU, colours)
    assert (drawn[:, :, :256, :256] == 77).all()
    below = drawn[:, :, 256:].permute(0, 2, 3, 1).reshape(2, -1, 3)
    for image, colour in zip(below, colours.values(), strict=True):
        assert (image == torch.tensor(colour)).all(dim=1).any(), "its true class has its colour"
