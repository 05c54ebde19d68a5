"""A run whose data are there."""

from collections.abc import Callable
from typing import Any

import pytest

from datasets import Prepared, open_split


@pytest.fixture
def run_on_sample(make_run: Callable[..., Any], tiny_data: Prepared) -> Callable[[str], Any]:
    """A run of one tiny model on the sample at 32 px: call it with a task."""

    def make(task: str) -> Any:
        test = open_split(tiny_data, "test")
        run = make_run(
            task,
            cache=str(tiny_data.folder),
            dtype=test.images.dtype.name,
            mean=test.mean.tolist(),
            std=test.std.tolist(),
        )
        run.add("000-test_resnet", 0.5)
        return run

    return make
