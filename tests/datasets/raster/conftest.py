"""A folder of one's own, and a look at it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.options import Dataset, source_of
from datasets.raster import OwnRasters
from tests.own_rasters import images, masks


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def masked(root: Path) -> Path:
    """A folder of six scenes with masks, apart from each other."""
    images(root)
    masks(root)
    return root


Opened = Callable[..., OwnRasters]


@pytest.fixture
def opened(root: Path, tmp_path: Path) -> Opened:
    """Look at the folder with the keys of the `dataset` section."""

    def look(**keys: Any) -> OwnRasters:
        options = Dataset.model_validate({"name": "raster", "root": root, **keys})
        source, _ = source_of(options, tmp_path / "cache")
        assert isinstance(source, OwnRasters)
        return source

    return look
