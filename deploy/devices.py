"""Where a model runs."""

import torch

from deploy.errors import ModelError


def device_called(name: str | None) -> torch.device:
    """`cpu`, `cuda`, `cuda:1`, …; without a name, a GPU if there is one.

    Raises:
        ModelError: there is no such device on this machine.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise ModelError(f"device {name}: there is no such kind of device") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"device {name}: this machine has {torch.cuda.device_count()} GPUs; "
            "they count from cuda:0"
        )
    return device
