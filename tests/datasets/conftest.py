"""A small Landslide4Sense tree that many tests read, and the means to write odd ones."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

from datasets import DATASETS, Prepared, prepare
from datasets.samples import landslide4sense as synthetic

WritePatch = Callable[..., None]


@pytest.fixture(scope="session")
def hub_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample of 12 + 4 + 4 patches. Shared: copy it before changing anything."""
    root = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "PATCHES", {"train": 12, "validation": 4, "test": 4})
        synthetic.write(root, seed=1)
    return root


@pytest.fixture
def write_patch() -> WritePatch:
    """Write one image and its mask into a hub tree; None leaves either out."""

    def write(
        root: Path, split: str, number: int, image: np.ndarray | None, mask: np.ndarray | None
    ) -> None:
        for folder, stem, key, array in (
            ("images", "image", "img", image),
            ("annotations", "mask", "mask", mask),
        ):
            file = root / folder / split / f"{stem}_{number}.h5"
            file.parent.mkdir(parents=True, exist_ok=True)
            if array is not None:
                with h5py.File(file, "w") as stored:
                    stored[key] = array

    return write


@pytest.fixture
def prepare_rgb(tmp_path: Path) -> Callable[..., Prepared]:
    """`prepare` with small defaults and a cache of the test's own: call it with a root."""
    return partial(
        prepare,
        DATASETS["landslide4sense"],
        bands=(3, 2, 1),
        image_size=64,
        min_area=4,
        split_fractions=(0.25, 0.25),
        split_seed=0,
        skip_bad=False,
        cache=tmp_path / "cache",
    )
