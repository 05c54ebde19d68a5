"""True and predicted boxes are drawn where they are, in the colours of the key."""

import numpy as np
import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.colours import SKY, VERMILION, Colour
from models.backbones import Backbone
from models.model import Model
from models.tasks.detection import draw_detections
from models.tasks.key import enlargement

SIDE = 64
TRUE, FOUND, UNSURE = ([8.0, 8, 24, 24], [32.0, 32, 56, 56], [4.0, 40, 20, 60])


class FindingModel(Model):
    """Finds one box with a high score, and one with a low one."""

    @property
    def backbone(self) -> Backbone:
        raise NotImplementedError

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        boxes, scores = torch.tensor([FOUND, UNSURE]), torch.tensor([0.9, 0.01])
        return [{"boxes": boxes, "labels": torch.tensor([1, 1]), "scores": scores}]


def extent(drawn: Tensor, colour: Colour) -> list[int]:
    """Of the pixels of this colour above the key: x0, y0, x1, y1."""
    is_colour = (drawn[0] == torch.tensor(colour).view(3, 1, 1)).all(dim=0)
    rows, columns = torch.nonzero(is_colour[: SIDE * enlargement(SIDE)], as_tuple=True)
    return [int(edge) for edge in (columns.min(), rows.min(), columns.max(), rows.max())]


def test_true_and_found_boxes_lie_where_they_are_in_the_colours_of_the_key() -> None:
    truth = [torch.tensor([TRUE])], [torch.tensor([1])]
    masks = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    sizes = np.full((1, 2), SIDE)
    batch = Batch(torch.zeros(1, 3, SIDE, SIDE), masks, *truth, ["?"], sizes, None)
    pictures = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)
    drawn = draw_detections(FindingModel(), batch, pictures, torch.device("cpu"), ("scar",))
    for box, colour in ((TRUE, SKY), (FOUND, VERMILION)):
        expected = torch.tensor(box) * enlargement(SIDE)
        assert torch.allclose(torch.tensor(extent(drawn, colour)).float(), expected, atol=2)
        assert (drawn[0, :, -16:] == torch.tensor(colour).view(3, 1, 1)).all(dim=0).any()
