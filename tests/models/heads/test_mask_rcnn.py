"""Mask R-CNN draws masks where they are, learns them, and not from pixels that are not known."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.batches import Batch
from datasets.source import IGNORE
from models.backbones import Backbone
from models.heads.mask_rcnn import MaskRCNNDetector, drawn, mask_loss, on_grids
from models.heads.options import MaskRCNNOptions
from models.model import Classes
from models.tasks.detection import score_detector

SIDE = 64
ELLIPSE = ((torch.arange(SIDE)[:, None] - 19.5) / 12) ** 2 + (
    (torch.arange(SIDE) - 29.5) / 16
) ** 2 < 1
"""Bool [SIDE, SIDE]: 24 px high and 32 wide, in the box `BOX`."""
BOX = torch.tensor([[14.0, 8, 46, 32]])


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_a_mask_that_is_read_on_its_grid_is_drawn_where_it_was(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width, height = rng.integers(6, 28, 2)
    x, y = rng.integers(0, SIDE - 28, 2)
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    mask[0, y : y + height, x : x + width] = True
    mask[0, y : y + height // 2, x : x + width // 3] = False
    box = torch.tensor([[x, y, x + width, y + height]]).float()
    grid = on_grids(mask, torch.tensor([0]), box, 28)
    assert (drawn(grid, box, SIDE) == mask).all()


def test_cells_of_unknown_pixels_have_no_gradient() -> None:
    logits = torch.zeros(1, 2, 28, 28, requires_grad=True)
    known = torch.ones(SIDE, SIDE, dtype=torch.bool)
    known[:, 30:] = False  # the right half of the box
    target = {"masks": ELLIPSE[None], "known": known}
    one = torch.tensor([1])
    mask_loss(logits, [one], [BOX], [one - 1], [target]).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1, :, :13].ne(0).all()
    assert logits.grad[0, 1, :, 15:].eq(0).all()
    assert logits.grad[0, 0].eq(0).all()


def test_a_tiny_training_finds_the_mask_of_an_object() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    mask = ELLIPSE.to(torch.uint8)
    mask[:, 60:] = IGNORE
    images = 0.2 * torch.randn(1, 3, SIDE, SIDE) + 2 * ELLIPSE
    batch = Batch(
        images=images,
        masks=mask[None],
        boxes=[BOX],
        labels=[torch.tensor([1])],
        names=["ellipse"],
        sizes=np.full((1, 2), SIDE),
        footprints=None,
    )
    options = MaskRCNNOptions(pyramid_channels=32)
    model = MaskRCNNDetector(Backbone("test_resnet", 3, SIDE), Classes(("pond",), (), ()), options)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.stack([*model.train().losses(batch).values()]).sum().backward()
        optimizer.step()
    scored = score_detector(model, [batch], torch.device("cpu"), ("pond",))
    assert scored.metrics["mask_AP50"] == scored.metrics["AP50"] == 1
    (found,) = model.predict(images)
    assert (found["masks"][0] & ELLIPSE).sum() / (found["masks"][0] | ELLIPSE).sum() > 0.8
