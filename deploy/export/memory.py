"""The peak memory of a process that opens a model and shows it one image.

It is a program of its own, so that nothing else counts: `python -m deploy.export.memory`.
"""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")
SHOWN = 3
"""How often the image is shown: what the first time allocates, the next may use."""


def peak_memory(image: NDArray[np.float32], *model: Path | str) -> float | None:
    """MB (10⁶ bytes) with the interpreter and its libraries; None where there is no Linux to ask.

    Args:
        image: stored values [1, C, S, S].
        model: an ONNX file; or a run directory and the name of a training, for PyTorch.
    """
    if not STATUS.exists():
        return None
    with TemporaryDirectory() as folder:
        file = Path(folder) / "image.npy"
        np.save(file, image)
        command = [sys.executable, "-m", "deploy.export.memory", str(file)]
        command += [str(one.resolve() if isinstance(one, Path) else one) for one in model]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(ended.stdout)


def _main(image: str, *model: str) -> None:
    pixels = np.load(image)
    if len(model) == 1:
        _show_onnx(pixels, *model)
    else:
        _show_pytorch(pixels, *model)
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    assert found is not None, "Linux says so of every process"
    print(int(found[1]) * 1024 / 1e6)


def _show_onnx(pixels: NDArray[np.float32], file: str) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    for _ in range(SHOWN):
        session.run(None, {"images": pixels})


def _show_pytorch(pixels: NDArray[np.float32], run: str, name: str) -> None:
    import torch

    from deploy.trained import open_trained

    torch.set_num_threads(1)
    trained = open_trained(Path(run), name)
    for _ in range(SHOWN):
        trained.find(pixels)


if __name__ == "__main__":
    _main(*sys.argv[1:])
