"""A model that works at another size gives what it finds in the pixels of its images."""

from typing import Any

import pytest
import torch
from torch import Tensor

from datasets import Prepared, open_split
from datasets.batches import Batch, batch_of
from models.backbones import Backbone
from models.build import model_for
from models.model import Model
from models.resizing import Resized, SizeError, brought_back, resized_batch


@pytest.fixture(scope="module")
def batch(tiny_data: Prepared) -> Batch:
    split = open_split(tiny_data, "train")
    return batch_of(split, split.first_with("boxes", 4))


CONFIG = {
    "segmentation": {"head": "fpn", "loss": "cross_entropy"},
    "detection": {"head": "faster_rcnn", "pyramid_channels": 16},
}


def model(task: str, data: Prepared, **config: Any) -> Model:
    torch.manual_seed(0)
    return model_for(task, {"backbone": "test_resnet", **CONFIG[task], **config}, data)


def test_at_the_size_of_the_data_there_is_no_wrapper(tiny_data: Prepared) -> None:
    assert not isinstance(model("segmentation", tiny_data, image_size=32), Resized)
    assert isinstance(model("segmentation", tiny_data, image_size=64), Resized)


def test_masks_boxes_and_images_shrink_in_step(batch: Batch) -> None:
    """A box around the marked pixels is still around them."""
    images, masks = torch.zeros(1, 1, 64, 64), torch.zeros(1, 64, 64, dtype=torch.uint8)
    images[..., 16:32, 8:24] = 1
    masks[..., 16:32, 8:24] = 1
    marked = Batch(
        *(images, masks, [torch.tensor([[8.0, 16, 24, 32]])], [torch.tensor([1])], ["a"]),
        sizes=batch.sizes[:1],
        footprints=None,
        valid=masks.bool(),
    )
    small = resized_batch(marked, 32)
    x0, y0, x1, y1 = small.boxes[0][0].int().tolist()
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[y0:y1, x0:x1] = True
    assert torch.equal(small.masks[0].bool(), inside)
    assert small.valid is not None and torch.equal(small.valid[0], inside)
    assert small.masks.dtype == torch.uint8 and small.valid.dtype == torch.bool
    torch.testing.assert_close(small.images.mean(), images.mean())


@pytest.mark.parametrize("size", [32, 96])
def test_what_is_found_lies_in_the_pixels_of_the_images(size: int) -> None:
    mask = torch.zeros(size, size, dtype=torch.uint8)
    mask[size // 4 : size // 2, : size // 2] = 1
    probabilities = torch.stack([1.0 - mask, mask.float()])
    box = torch.tensor([[0.0, size / 4, size / 2, size / 2]])
    given = {"mask": mask, "probabilities": probabilities, "boxes": box, "masks": mask[None] > 0}
    found = brought_back(given, size, 64)
    truth = torch.zeros(64, 64, dtype=torch.uint8)
    truth[16:32, :32] = 1
    assert torch.equal(found["mask"], truth)
    assert torch.equal(found["masks"][0], truth > 0)
    assert found["boxes"].tolist() == [[0, 16, 32, 32]]
    torch.testing.assert_close(found["probabilities"].sum(0), torch.ones(64, 64))


@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_it_learns_and_finds_at_its_size(task: str, tiny_data: Prepared, batch: Batch) -> None:
    larger = model(task, tiny_data, image_size=64)
    assert larger.backbone.image_size == 64
    losses = larger.losses(batch)
    sum(losses.values(), start=torch.zeros(())).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    larger.eval()
    for found in larger.predict(batch.images):
        if task == "segmentation":
            assert found["mask"].shape == (32, 32)
        else:
            assert (found["boxes"] <= 32).all() and found["boxes"].shape[1] == 4


def test_a_head_that_reads_the_data_first_is_refused() -> None:
    class Prepares(Model):
        backbone = Backbone("test_resnet", 3, 32)

        def losses(self, batch: Batch) -> dict[str, Tensor]:
            raise NotImplementedError

        def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
            raise NotImplementedError

        def before_training(self, *_: object) -> None:
            raise NotImplementedError

    with pytest.raises(SizeError, match="works at dataset"):
        Resized(Prepares())
