"""What the machine that the command runs on is doing."""

import shutil
import subprocess
import time

import psutil

GPUS_EVERY_S = 5.0
"""The GPUs are asked no more often: their driver's tool may take a second."""

QUERY = "--query-gpu=utilization.gpu,memory.used,memory.total"


class Meter:
    """Reads the load of the processor and of the GPUs, and the memory in use.

    Args:
        gpus: whether trials hold a share of a GPU; only then the GPUs are asked.
    """

    def __init__(self, *, gpus: bool) -> None:
        self._tool = shutil.which("nvidia-smi") if gpus else None
        self._gpus: list[str] = []
        self._asked = -GPUS_EVERY_S

    def read(self) -> str:
        """`CPU 87 %, memory 5.1 of 15.6 GB, GPU 0 93 %, 12.1 of 85.5 GB`: since the last call."""
        if self._tool is not None and time.monotonic() - self._asked > GPUS_EVERY_S:
            command = [self._tool, QUERY, "--format=csv,noheader,nounits"]
            asked = subprocess.run(command, capture_output=True, text=True, check=False)
            told = asked.stdout if asked.returncode == 0 else ""
            self._gpus = [gpu_load(index, line) for index, line in enumerate(told.splitlines())]
            self._asked = time.monotonic()
        memory = psutil.virtual_memory()
        used, total = memory.used / 1e9, memory.total / 1e9
        processor = f"CPU {psutil.cpu_percent():.0f} %"
        return ", ".join([processor, f"memory {used:.1f} of {total:.1f} GB", *self._gpus])


def gpu_load(index: int, line: str) -> str:
    """`93, 11540, 81559` (percent, MiB, MiB) in words; `?` for what a driver cannot tell."""
    busy, used, total = (one.strip() for one in line.split(","))
    memory = f"{_gigabytes(used)} of {_gigabytes(total)} GB"
    return f"GPU {index} {busy if busy.isdecimal() else '?'} %, {memory}"


def _gigabytes(mebibytes: str) -> str:
    return f"{int(mebibytes) * 2**20 / 1e9:.1f}" if mebibytes.isdecimal() else "?"
