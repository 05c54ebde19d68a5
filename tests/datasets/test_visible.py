import numpy as np

from datasets.visible import visible


def test_each_band_is_stretched_from_its_2nd_to_its_98th_percentile() -> None:
    values = np.arange(101 * 101, dtype=np.uint16).reshape(1, 1, 101, 101)
    images = np.concatenate([values, 3 * values, 10 + values], axis=1)
    shown = visible(images, (2, 0, 1))
    assert shown.dtype == np.uint8
    assert shown.shape == (1, 3, 101, 101)
    # 10,200 steps: 204 of them lie below the 2nd percentile, and as many above the 98th.
    expected = np.clip((values[0, 0] - 204.0) / (9996 - 204) * 255, 0, 255)
    assert np.abs(shown[0] - expected).max() <= 1
    assert ((shown == 0).mean(), (shown == 255).mean()) > (0.02, 0.02)


def test_without_all_of_red_green_and_blue_the_first_band_is_grey() -> None:
    images = np.random.default_rng(0).random((2, 4, 8, 8), np.float32)
    shown = visible(images, None)
    assert (shown == shown[:, :1]).all()
    assert (shown[:, 0] == visible(images[:, [0, 0, 0]], (0, 1, 2))[:, 0]).all()


def test_constant_band_is_black() -> None:
    assert not visible(np.full((1, 3, 4, 4), 7, np.uint8), (0, 1, 2)).any()
