"""What the machine that the command runs on is doing."""

from typing import Any

import psutil
import pynvml


class Meter:
    """Reads the load of the processor and of the GPUs, and the memory in use.

    Args:
        gpus: whether trials hold a share of a GPU; only then the GPUs are asked, by NVML. Those of
            a cluster's other nodes are in the records of the trials, see `sweeps.gpu_load`.
    """

    def __init__(self, *, gpus: bool) -> None:
        self._gpus = _gpus() if gpus else []

    def read(self) -> str:
        """`CPU 87 %, memory 5.1 of 15.6 GB, GPU 0 93 %, 12.1 of 85.5 GB`: since the last call."""
        memory = psutil.virtual_memory()
        used, total = memory.used / 1e9, memory.total / 1e9
        processor = f"CPU {psutil.cpu_percent():.0f} %"
        loads = [f"GPU {index} {gpu_load(gpu)}" for index, gpu in enumerate(self._gpus)]
        return ", ".join([processor, f"memory {used:.1f} of {total:.1f} GB", *loads])


def gpu_load(gpu: Any) -> str:
    """`93 %, 12.1 of 85.5 GB`; `? %` where the driver does not tell, as of a part of a GPU."""
    memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
    try:
        busy = str(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
    except pynvml.NVMLError:
        busy = "?"
    return f"{busy} %, {memory.used / 1e9:.1f} of {memory.total / 1e9:.1f} GB"


def _gpus() -> list[Any]:
    """NVML's handles of all GPUs; none where there is no driver, as under logical GPUs."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    return [
        pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
    ]
