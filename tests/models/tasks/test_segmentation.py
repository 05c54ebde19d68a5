"""A segmenter is scored on a split as a whole, without ignored pixels, and drawn in colours."""

import numpy as np
import pytest
import torch
from shapely import Polygon, box
from torch import Tensor

from datasets.batches import Batch
from datasets.colours import BLUE, GREEN, IGNORED_GREY
from datasets.source import IGNORE
from models.backbones import Backbone
from models.metrics.confusion import METRICS, scores
from models.metrics.footprint_scores import FOOTPRINT_METRICS
from models.model import Model
from models.tasks.key import LINE, enlargement
from models.tasks.pixel_counts import confusion, confusions
from models.tasks.segmentation import draw_masks, score_segmenter

CPU = torch.device("cpu")
SIDE = 16


class CopyingModel(Model):
    """Finds the class ids that the images' first band holds, with probability 1."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @property
    def backbone(self) -> Backbone:
        raise NotImplementedError

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        assert not self.training
        found = images[:, 0].to(torch.uint8)
        sure = torch.nn.functional.one_hot(found.long(), self.count).movedim(-1, 1).float()
        return [{"mask": m, "probabilities": p} for m, p in zip(found, sure, strict=True)]


def batch_of(
    found: Tensor, truth: Tensor, footprints: list[list[Polygon]] | None = None, scale: int = 1
) -> Batch:
    none = [torch.zeros(0, 4)] * len(found), [torch.zeros(0).long()] * len(found)
    sizes = np.full((len(found), 2), SIDE * scale)
    images = found[:, None].float().expand(-1, 3, -1, -1)
    return Batch(images, truth, *none, ["?"] * len(found), sizes, footprints)


def random_masks(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 3, (count, SIDE, SIDE), generator=generator, dtype=torch.uint8)


def with_squares(*corners: tuple[int, int], side: int = 6) -> Tensor:
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    for x, y in corners:
        mask[0, y : y + side, x : x + side] = 1
    return mask


def test_counts_are_summed_over_batches_of_any_size() -> None:
    """In a mean of batches, the short one would count as much as the long one."""
    found, truth = random_masks(0, 5), random_masks(1, 5)
    truth[0, :8] = IGNORE
    data = [batch_of(found[:4], truth[:4]), batch_of(found[4:], truth[4:])]
    result = score_segmenter(CopyingModel(3), data, CPU, ("building", "wood")).metrics
    assert result == scores(confusion(truth, found, 3).numpy(), ("building", "wood"))
    assert set(METRICS) < set(result)
    assert not set(FOOTPRINT_METRICS) & set(result)


def test_footprints_are_scored_in_pixels_of_the_file() -> None:
    """Two images of twice the side on disk: a building found, a false one, one missed."""
    truths = [[box(2, 2, 14, 14)], [box(0, 0, 12, 12)]]
    found = torch.cat([with_squares((1, 1), (9, 9)), with_squares()])
    truth = torch.cat([with_squares((1, 1)), with_squares((0, 0))])
    data = [batch_of(found[i : i + 1], truth[i : i + 1], truths[i : i + 1], 2) for i in range(2)]
    result = score_segmenter(CopyingModel(2), data, CPU, ("building",)).metrics
    assert {name: result[name] for name in FOOTPRINT_METRICS} == pytest.approx(
        dict.fromkeys(FOOTPRINT_METRICS, 0.5)
    )


def test_no_footprint_is_proposed_where_the_truth_is_ignored() -> None:
    truth = with_squares((1, 1))
    truth[0, 8:] = IGNORE
    data = [batch_of(with_squares((1, 1), (9, 9)), truth, [[box(1, 1, 7, 7)]])]
    assert (
        score_segmenter(CopyingModel(2), data, CPU, ("building",)).metrics["footprint_precision"]
        == 1
    )


def test_a_metric_that_is_not_defined_is_left_out() -> None:
    data = [batch_of(with_squares(), with_squares((1, 1)), [[box(1, 1, 7, 7)]])]
    result = score_segmenter(CopyingModel(2), data, CPU, ("building",)).metrics
    assert "footprint_precision" not in result
    assert result["footprint_F1"] == result["footprint_recall"] == 0


def test_pictures_show_image_truth_and_prediction_in_the_colours_of_their_classes() -> None:
    found, truth = with_squares((0, 0)), 2 * with_squares((0, 0))
    truth[0, -1] = IGNORE
    pictures = torch.full((1, 3, SIDE, SIDE), 77, dtype=torch.uint8)
    batch, classes = batch_of(found, truth), {"woodland": GREEN, "water": BLUE}
    drawn = draw_masks(CopyingModel(3), batch, pictures, CPU, classes)
    times = enlargement(SIDE)
    shown = drawn[:, :, LINE : LINE + SIDE * times : times, ::times]
    assert (shown.shape, shown.dtype) == ((1, 3, SIDE, 3 * SIDE), torch.uint8)
    assert (shown[..., :SIDE] == 77).all()
    left, below = shown[0, :, 0, :], shown[0, :, -1, :]
    assert tuple(left[:, SIDE].tolist()) == BLUE
    assert tuple(left[:, 2 * SIDE].tolist()) == GREEN
    assert tuple(left[:, -1].tolist()) == (0, 0, 0)
    assert tuple(below[:, SIDE].tolist()) == IGNORED_GREY
    assert tuple(below[:, 2 * SIDE].tolist()) == (0, 0, 0)


def test_rows_are_truths_and_columns_what_was_found() -> None:
    counts = confusion(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), 2)
    assert counts.tolist() == [[0, 2], [1, 0]]


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    truth, found = random_masks(1, 2), random_masks(2, 2)
    parts = [confusion(t, f, 3) for t, f in zip(truth, found, strict=True)]
    assert torch.equal(confusion(truth, found, 3), torch.stack(parts).sum(dim=0))
    assert torch.equal(confusions(truth, found, 3), torch.stack(parts))


def test_a_truth_that_is_not_a_class_is_refused() -> None:
    with pytest.raises(ValueError, match="class id 2, but there are only 0 to 1"):
        confusion(torch.tensor([0, 2]), torch.tensor([0, 0]), 2)
