"""The pixels of single objects: connected components where objects are those, parts elsewhere."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from datasets.augment.symmetries import SYMMETRIES, transform_boxes, transform_image
from datasets.boxes import EIGHT_CONNECTED, mask_to_boxes
from datasets.object_masks import object_masks


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.7))
def test_objects_of_a_mask_are_its_components_and_have_all_of_its_pixels(
    seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    mask = (rng.integers(1, 3, (24, 24)) * (rng.random((24, 24)) < share)).astype(np.uint8)
    boxes, labels = mask_to_boxes(mask, min_area=0)
    found = object_masks(mask, boxes, labels)
    assert (found.sum(axis=0) == (mask > 0)).all()
    for one, label in zip(found, labels, strict=True):
        assert (mask[one] == label).all()
        assert ndimage.label(one, EIGHT_CONNECTED)[1] == 1


@given(symmetry=st.integers(0, SYMMETRIES - 1))
def test_objects_are_turned_as_their_image_is(symmetry: int) -> None:
    rng = np.random.default_rng(0)
    mask = (rng.random((16, 16)) < 0.3).astype(np.uint8)
    boxes, labels = mask_to_boxes(mask, min_area=0)
    expected = transform_image(object_masks(mask, boxes, labels), symmetry)
    turned = transform_image(mask, symmetry), transform_boxes(boxes, symmetry, 16)
    np.testing.assert_array_equal(object_masks(*turned, labels), expected)


def test_boxes_of_the_data_part_neighbours_that_touch() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 1:7] = 1
    boxes = np.array([[1, 2, 4, 6], [3.6, 2, 7, 6]], np.float32)
    left, right = object_masks(mask, boxes, np.array([1, 1]))
    assert left.sum() == 12 and left[:, 1:4].sum() == 12
    assert right.sum() == 16 and right[:, 3:7].sum() == 16


def test_an_object_without_a_pixel_of_its_class_has_none() -> None:
    mask = np.ones((4, 4), np.uint8)
    assert not object_masks(mask, np.array([[0, 0, 4, 4]], np.float32), np.array([2])).any()
