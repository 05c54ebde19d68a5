from collections.abc import Callable
from pathlib import Path

import pytest

from datasets import DATASETS, Prepared, prepare, resolve_bands, sample


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: the sample is written and decoded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def prepare_sample(cache: Path) -> Callable[..., Prepared]:
    """The Landslide4Sense sample at 32 px, RGB, with a stretch or without."""

    def prepared(stretch: tuple[float, float] | None) -> Prepared:
        source = DATASETS["landslide4sense"]
        return prepare(
            source,
            sample("landslide4sense", cache),
            bands=resolve_bands(source, "rgb"),
            image_size=32,
            min_area=2,
            tiling=None,
            ignore_index=255,
            stretch=stretch,
            split_fractions=(0.15, 0.15),
            split_seed=42,
            skip_bad=False,
            cache=cache,
        )

    return prepared


@pytest.fixture(scope="session")
def tiny_data(prepare_sample: Callable[..., Prepared]) -> Prepared:
    """The Landslide4Sense sample at 32 px, RGB."""
    return prepare_sample(None)
