"""NVML as it is where there is a driver, for machines without one."""

from dataclasses import dataclass

import pynvml
import pytest


@dataclass(frozen=True)
class Memory:
    used: int
    total: int


@dataclass(frozen=True)
class Rates:
    gpu: int


def pretend(monkeypatch: pytest.MonkeyPatch, *busy: int | None) -> None:
    """GPUs of 80 GB with 12 GB in use, each so many percent busy; None: it is not told."""

    def rates(gpu: int) -> Rates:
        percent = busy[gpu]
        if percent is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return Rates(percent)

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(busy))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", rates)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda _: Memory(12 * 10**9, 80 * 10**9))
