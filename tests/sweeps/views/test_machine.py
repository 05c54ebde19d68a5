"""The load is in words, with GPUs only where trials use them and there is a driver."""

import pytest

from sweeps.views.machine import Meter
from tests import nvml


def test_each_gpu_is_told_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.pretend(monkeypatch, 93, None)
    load = Meter(gpus=True).read()
    assert load.endswith("GPU 0 93 %, 12.0 of 80.0 GB, GPU 1 ? %, 12.0 of 80.0 GB")
    assert "GPU" not in Meter(gpus=False).read()


def test_without_a_driver_there_is_none() -> None:
    """As on a machine whose GPUs are logical ones of Ray."""
    assert "GPU" not in Meter(gpus=True).read()
