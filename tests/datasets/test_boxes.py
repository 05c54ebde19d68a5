from collections import deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datasets.boxes import components, mask_to_boxes, on_data

masks = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.sampled_from([0, 0, 1, 1, 2]),
)


def flood_fill_boxes(mask: np.ndarray, min_area: float) -> set[tuple[int, ...]]:
    """Slow and plain: {(x0, y0, x1, y1, class)} by flooding from every pixel not yet seen."""
    seen = mask == 0
    found: set[tuple[int, ...]] = set()
    for start in np.ndindex(mask.shape):
        if seen[start]:
            continue
        pixels, queue = [], deque([start])
        seen[start] = True
        while queue:
            y, x = queue.popleft()
            pixels.append((y, x))
            for near in np.ndindex(3, 3):
                ny, nx = y + near[0] - 1, x + near[1] - 1
                inside = 0 <= ny < mask.shape[0] and 0 <= nx < mask.shape[1]
                if inside and not seen[ny, nx] and mask[ny, nx] == mask[start]:
                    seen[ny, nx] = True
                    queue.append((ny, nx))
        if len(pixels) >= min_area:
            ys, xs = zip(*pixels, strict=True)
            found.add((min(xs), min(ys), max(xs) + 1, max(ys) + 1, int(mask[start])))
    return found


@given(masks, st.integers(1, 6))
def test_boxes_are_those_of_a_flood_fill(mask: np.ndarray, min_area: int) -> None:
    boxes, labels = mask_to_boxes(mask, min_area)
    found = {(*map(int, box), int(label)) for box, label in zip(boxes, labels, strict=True)}
    assert found == flood_fill_boxes(mask, min_area)


def test_one_pixel_is_a_box_of_one_pixel() -> None:
    mask = np.zeros((10, 8), dtype=np.uint8)
    mask[5, 3] = 1
    boxes, labels = mask_to_boxes(mask, 1)
    assert boxes.tolist() == [[3, 5, 4, 6]]
    assert labels.tolist() == [1]
    assert (boxes.dtype.name, labels.dtype.name) == ("float32", "int64")


def test_an_empty_mask_has_no_boxes() -> None:
    boxes, labels = mask_to_boxes(np.zeros((4, 4), dtype=np.uint8), 1)
    assert boxes.shape == (0, 4) and labels.shape == (0,)


def test_a_box_lies_on_data_if_half_of_its_pixels_do() -> None:
    valid = np.zeros((8, 10), dtype=bool)
    valid[:, 6:] = True
    boxes = np.array([[0, 0, 5, 8], [4, 1, 8, 3], [3, 1, 8, 3], [6.4, 0, 9.2, 2], [8, 6, 14, 9]])
    counted = [
        valid[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))].mean() >= 0.5
        for x0, y0, x1, y1 in boxes
    ]
    assert on_data(boxes, valid).tolist() == counted == [False, True, False, True, True]


def test_components_have_areas_of_their_own_pixels() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[0, :5], mask[1, 0], mask[6:, 6:] = 1, 1, 2
    boxes, labels, areas = components(mask)
    assert boxes.tolist() == [[0, 0, 5, 2], [6, 6, 8, 8]]
    assert labels.tolist() == [1, 2] and areas.tolist() == [6, 4]
