"""How busy and how full the GPU of a training is, epoch by epoch."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch

EVERY_S = 1.0
"""NVML itself tells the mean of up to a second."""


class Reading(NamedTuple):
    """A GPU at a moment, whoever uses it: the share of the time that it is busy; bytes."""

    busy: float
    used: int


@dataclass(frozen=True)
class Instrument:
    """What can be read of the GPU of this process.

    Attributes:
        identity: a number below 2 ** 48, the same in every process that uses this GPU.
        total: bytes.
        read: the GPU now.
        peak: the most bytes that this process's allocator held since the last call.
    """

    identity: int
    total: int
    read: Callable[[], Reading]
    peak: Callable[[], int]


def instrument_of(device: torch.device) -> Instrument | None:
    """By NVML; None of a CPU.

    Raises:
        pynvml.NVMLError: when it is read, the driver does not tell, as of a part of a GPU (MIG).
    """
    if device.type != "cuda":
        return None
    card = torch.cuda.get_device_properties(device)

    def peak() -> int:
        held = torch.cuda.max_memory_reserved(device)
        torch.cuda.reset_peak_memory_stats(device)
        return held

    return Instrument(
        identity=int(str(card.uuid).replace("-", "")[:12], 16),
        total=card.total_memory,
        read=lambda: Reading(
            torch.cuda.utilization(device) / 100, torch.cuda.device_memory_used(device)
        ),
        peak=peak,
    )


class LoadLog(AbstractContextManager["LoadLog"]):
    """Reads an instrument in a thread of its own. Without one it has nothing to tell."""

    def __init__(self, instrument: Instrument | None, every_s: float = EVERY_S) -> None:
        self._instrument, self._every_s = instrument, every_s
        self._readings: list[Reading] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="gpu load", daemon=True)

    def __enter__(self) -> Self:
        if self._instrument is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._instrument is not None:
            self._thread.join()

    def epoch(self) -> dict[str, float]:
        """Since the last call, by the name of a metric; {} without a GPU.

        `gpu/busy` is the mean share of the time, `gpu/used` the most bytes in use by all on it, of
        `gpu/total`; `gpu/own` the most bytes that this process's allocator held. `gpu/id` tells
        GPUs apart. The first two are not there where the driver does not tell them.
        """
        if self._instrument is None:
            return {}
        readings, self._readings = self._readings, []
        told: dict[str, float] = {
            "gpu/id": self._instrument.identity,
            "gpu/total": self._instrument.total,
            "gpu/own": self._instrument.peak(),
        }
        if readings:
            told["gpu/busy"] = sum(one.busy for one in readings) / len(readings)
            told["gpu/used"] = max(one.used for one in readings)
        return told

    def _follow(self) -> None:
        import pynvml

        assert self._instrument is not None
        while not self._over.wait(self._every_s):
            try:
                self._readings.append(self._instrument.read())
            except pynvml.NVMLError:
                return  # it would not tell the next time either
