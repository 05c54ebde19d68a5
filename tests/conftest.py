import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from datasets import Prepared
from datasets.options import Dataset, prepare_dataset


def pytest_configure() -> None:
    """What all tests need of their process, and of the commands that they start."""
    # Several processes share the cores, and the models of tests are too small for more threads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Tests that run in the background ignore what a terminal sends, and so would their commands.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    settings.register_profile("project", deadline=None)  # a busy machine is no failure
    settings.load_profile("project")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: the sample is written and decoded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def prepare_sample(cache: Path) -> Callable[..., Prepared]:
    """The Landslide4Sense sample at 32 px, RGB, with a stretch or without."""

    def prepared(stretch: tuple[float, float] | None) -> Prepared:
        options = Dataset(name="landslide4sense", image_size=32, min_area=2, stretch=stretch)
        return prepare_dataset(options, cache)

    return prepared


@pytest.fixture(scope="session")
def tiny_data(prepare_sample: Callable[..., Prepared]) -> Prepared:
    """The Landslide4Sense sample at 32 px, RGB."""
    return prepare_sample(None)
