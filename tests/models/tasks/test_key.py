"""A drawn picture says what its panels and its colours are, however narrow it is."""

import pytest
import torch
from torch import Tensor

from datasets.colours import BLUE, GREEN, ORANGE
from models.tasks.key import LEAST, LINE, enlarged, with_key

KEY = [("building", ORANGE), ("woodland", GREEN), ("water", BLUE)]


def pixels_of(picture: Tensor, colour: tuple[int, int, int]) -> int:
    return int((picture == torch.tensor(colour).view(3, 1, 1)).all(dim=0).sum())


@pytest.mark.parametrize(("width", "lines"), [(400, 1), (200, 2), (100, 3)])
def test_every_class_is_in_the_key_on_as_many_lines_as_it_needs(width: int, lines: int) -> None:
    picture = torch.full((2, 3, 50, width), 77, dtype=torch.uint8)
    drawn = with_key(picture, ("image", "ground truth"), KEY)
    assert (drawn.shape, drawn.dtype) == ((2, 3, LINE + 50 + lines * LINE, width), torch.uint8)
    assert torch.equal(drawn[:, :, LINE : LINE + 50], picture)
    for _, colour in KEY:
        assert pixels_of(drawn[1], colour) > 100


def test_small_pictures_are_enlarged_until_their_key_can_be_read() -> None:
    small = torch.arange(3 * 4, dtype=torch.uint8).view(1, 3, 2, 2)
    large = enlarged(small)
    assert large.shape == (1, 3, LEAST, LEAST)
    assert torch.equal(large[..., :: LEAST // 2, :: LEAST // 2], small)
    assert enlarged(torch.zeros(1, 3, LEAST, LEAST)).shape == (1, 3, LEAST, LEAST)
