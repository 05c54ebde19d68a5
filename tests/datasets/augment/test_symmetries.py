import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datasets.augment.symmetries import SYMMETRIES, transform_boxes, transform_image
from datasets.boxes import mask_to_boxes

square_masks = st.integers(1, 9).flatmap(
    lambda size: hnp.arrays(np.uint8, (size, size), elements=st.sampled_from([0, 0, 1]))
)


@given(square_masks, st.integers(0, SYMMETRIES - 1))
def test_boxes_move_with_the_mask(mask: np.ndarray, symmetry: int) -> None:
    moved = transform_boxes(mask_to_boxes(mask, 1)[0], symmetry, len(mask))
    expected = mask_to_boxes(transform_image(mask, symmetry), 1)[0]
    assert sorted(moved.tolist()) == sorted(expected.tolist())


def test_the_eight_symmetries_differ() -> None:
    image = np.arange(4).reshape(2, 2)
    assert len({transform_image(image, symmetry).tobytes() for symmetry in range(8)}) == 8
