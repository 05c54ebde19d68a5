import hashlib
from pathlib import Path

import numpy as np
import pytest

from datasets import DATASETS, sample
from datasets.samples import landslide4sense as synthetic

SOURCE = DATASETS["landslide4sense"]


def tree_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.h5")):
        digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()


def test_the_sample_is_written_once_and_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "PATCHES", {"train": 3, "validation": 1, "test": 1})
    root = sample("landslide4sense", tmp_path / "first")
    again = sample("landslide4sense", tmp_path / "second")
    assert tree_hash(root) == tree_hash(again)
    (root / "sentinel").touch()
    assert sample("landslide4sense", tmp_path / "first") == root
    assert (root / "sentinel").exists()


@pytest.fixture(scope="module")
def patches(hub_root: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    listing = SOURCE.find(hub_root, None)
    found = []
    for item in (item for items in listing.splits.values() for item in items):
        labelled = SOURCE.read(item, listing.classes)
        assert labelled.mask is not None
        found.append((labelled.image, labelled.mask))
    return found


def test_scars_are_steep_bare_and_rare(patches: list[tuple[np.ndarray, np.ndarray]]) -> None:
    images = np.stack([image for image, _ in patches])
    scar = np.stack([mask for _, mask in patches]) == 1
    red, infrared, slope = (images[:, SOURCE.bands.index(name)] for name in ("B4", "B8", "slope"))
    assert 0.01 < scar.mean() < 0.1
    assert red[scar].mean() > 1.5 * red[~scar].mean()
    greenness = (infrared - red) / (infrared + red)
    assert greenness[scar].mean() < greenness[~scar].mean() - 0.2
    assert slope[scar].mean() > 20 > slope[~scar].mean()


def test_level_ground_has_bare_soil_that_is_no_scar(
    patches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """What makes the task more than a threshold on red."""
    images = np.stack([image for image, _ in patches])
    scar = np.stack([mask for _, mask in patches]) == 1
    red, slope = images[:, 3], images[:, 12]
    level_soil = (red > np.median(red[scar])) & ~scar & (slope < 5)
    assert level_soil.sum() > 0.05 * scar.sum()


def test_some_patches_hold_no_scar(patches: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert 0 < np.mean([mask.any() for _, mask in patches]) < 1
