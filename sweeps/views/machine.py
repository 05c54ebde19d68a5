"""What the machine that the command runs on is doing."""

import shutil
import subprocess

import psutil

QUERY = "--query-gpu=utilization.gpu,memory.used,memory.total"


def load(gpus: bool) -> str:
    """`CPU 87 %, memory 5.1 of 15.6 GB, GPU 0 93 %, 12.1 of 80.0 GB`: since the last call.

    Args:
        gpus: whether trials hold a share of a GPU; only then the GPUs are asked.
    """
    memory = psutil.virtual_memory()
    parts = [
        f"CPU {psutil.cpu_percent():.0f} %",
        f"memory {memory.used / 1e9:.1f} of {memory.total / 1e9:.1f} GB",
    ]
    return ", ".join(parts + (_gpus() if gpus else []))


def _gpus() -> list[str]:
    """Load and memory of each GPU, as its driver reports them; nothing without its tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, QUERY, "--format=csv,noheader,nounits"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [_gpu(index, line) for index, line in enumerate(told.splitlines())]


def _gpu(index: int, line: str) -> str:
    """`93, 11540, 81559` (percent, MiB, MiB) in words; `?` for what a driver cannot tell."""
    busy, used, total = (float(one) if one.strip().isdecimal() else None for one in line.split(","))
    memory = (
        "?" if used is None or total is None else f"{used / 953.7:.1f} of {total / 953.7:.1f} GB"
    )
    return f"GPU {index} {'?' if busy is None else f'{busy:.0f}'} %, {memory}"
