import numpy as np
import pytest

from datasets.resize import resize_image, resize_mask


@pytest.mark.parametrize("size", [5, 8, 13, 32])
def test_a_ramp_keeps_its_place(size: int) -> None:
    """A pixel's value is where its centre lay, to a tenth of a pixel away from the border."""
    ramp = np.broadcast_to(np.arange(16, dtype=np.float32) + 0.5, (1, 16, 16))
    centres = (np.arange(size) + 0.5) * 16 / size
    inner = (centres > 3.2) & (centres < 12.8)
    resized = resize_image(ramp, size)[0, 0]
    np.testing.assert_allclose(resized[inner], centres[inner], atol=0.1)
    np.testing.assert_allclose(resized + resized[::-1], 16, atol=1e-4)


def test_shrinking_averages_every_pixel() -> None:
    checks = np.indices((16, 16)).sum(axis=0)[None] % 2
    np.testing.assert_allclose(resize_image(checks.astype(np.float32), 4), 0.5, atol=0.01)


def test_the_same_size_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((3, 9, 9), dtype=np.float32)
    mask = rng.integers(0, 3, (9, 9), dtype=np.uint8)
    np.testing.assert_array_equal(resize_image(image, 9), image)
    np.testing.assert_array_equal(resize_mask(mask, 9), mask)
