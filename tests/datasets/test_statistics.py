from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import DataError, Prepared, open_split, statistics
from datasets.batches import batches
from datasets.statistics import training_statistics

PERCENTILES = [(0.0, 100.0), (2.0, 98.0), (33.3, 50.0)]


def pixels(dtype: str) -> np.ndarray:
    """Skewed values in three bands of 5 images, with an edge of no data and zeros in one band."""
    rng = np.random.default_rng(0)
    images = rng.gamma(2, [[[[20]], [[25]], [[3]]]], (5, 3, 16, 16))
    images[:, 2, 3] = 0
    if dtype == "float32":
        images = images * 1e-3 - 0.05
    images[0, :, :, :7] = 0
    return images.clip(-1, 255).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("stretch", PERCENTILES)
@pytest.mark.parametrize("chunk", [1, 2000, 2**22])
def test_percentiles_mean_and_std_are_those_of_numpy(
    monkeypatch: pytest.MonkeyPatch, dtype: str, stretch: tuple[float, float], chunk: int
) -> None:
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    images = pixels(dtype)
    found = training_statistics(images, stretch)
    with_data = images.transpose(1, 0, 2, 3)[:, images.any(axis=1)].astype(np.float64)
    limits = np.percentile(with_data, stretch, axis=1)
    assert found.stretch is not None
    np.testing.assert_allclose(found.stretch, limits, rtol=1e-12, atol=1e-12)
    low, high = limits[..., None, None]
    expected = np.clip((images - low) / (high - low), 0, 1)
    np.testing.assert_allclose(found.mean, expected.mean(axis=(0, 2, 3)), rtol=1e-9)
    np.testing.assert_allclose(found.std, expected.std(axis=(0, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_without_a_stretch_mean_and_std_are_of_the_stored_values(dtype: str) -> None:
    images = pixels(dtype).astype(np.float64)
    found = training_statistics(pixels(dtype), None)
    assert found.stretch is None and not found.constant.any()
    np.testing.assert_allclose(found.mean, images.mean(axis=(0, 2, 3)), rtol=1e-9)
    np.testing.assert_allclose(found.std, images.std(axis=(0, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_band_of_one_value_becomes_zero(dtype: str) -> None:
    images = pixels(dtype)
    images[:, 1] = 7
    found = training_statistics(images, (2, 98))
    assert found.constant.tolist() == [False, True, False]
    assert found.std[1] == 1 and np.isfinite(found.mean).all()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_images_without_data_have_no_percentiles(dtype: str) -> None:
    with pytest.raises(DataError, match="0 everywhere"):
        training_statistics(np.zeros((2, 3, 4, 4), dtype=dtype), (2, 98))


def test_a_stretch_is_decided_on_training_images_and_used_on_all(
    prepare_stored: Callable[..., Prepared], stored_source: Any, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    source = stored_source("masks")
    rng = np.random.default_rng(0)
    for split, brightness in (("train", 500), ("val", 2000), ("test", 100)):
        for number in range(2):
            image = rng.gamma(3, brightness, (3, 64, 64)).clip(0, 65535).astype(np.uint16)
            source.write(root, f"{split}_{number}", image)
    prepared = prepare_stored(source, root, stretch=(2, 98))
    train, val = (open_split(prepared, name) for name in ("train", "val"))
    limits = np.percentile(train.images, (2, 98), axis=(0, 2, 3))
    assert val.stretch is not None
    np.testing.assert_allclose(val.stretch, limits, rtol=1e-6)
    low, high = limits[..., None, None]
    for split in (train, val):
        (batch,) = batches(split, 2)
        expected = np.clip((split.images - low) / (high - low), 0, 1)
        expected = (expected - train.mean[:, None, None]) / train.std[:, None, None]
        np.testing.assert_allclose(batch.images, expected, atol=1e-4)
    (batch,) = batches(train, 2)
    np.testing.assert_allclose(batch.images.mean(dim=(0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(batch.images.std(dim=(0, 2, 3)), 1, atol=1e-3)
