"""What an epoch tells of its GPU: the mean load, and the most memory."""

import time
from collections.abc import Iterator

import pynvml
import pytest
import torch

from sweeps.gpu_load import Instrument, LoadLog, Reading, instrument_of


def instrument(readings: Iterator[Reading]) -> Instrument:
    def read() -> Reading:
        for reading in readings:
            return reading
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    return Instrument(identity=7, total=80, read=read, peak=lambda: 20)


def test_an_epoch_has_the_mean_load_and_the_most_memory() -> None:
    with LoadLog(instrument(iter([Reading(0.5, 30), Reading(1.0, 50)])), every_s=0.01) as load:
        time.sleep(0.5)
        first, second = load.epoch(), load.epoch()
    always = {"gpu/id": 7, "gpu/total": 80, "gpu/own": 20}
    assert first == always | {"gpu/busy": pytest.approx(0.75), "gpu/used": 50}
    assert second == always  # the driver tells nothing more


def test_on_a_cpu_there_is_nothing_to_tell() -> None:
    with LoadLog(instrument_of(torch.device("cpu"))) as load:
        assert load.epoch() == {}
