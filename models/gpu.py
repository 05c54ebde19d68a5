"""What holds of GPUs, whatever the model: the type they compute in, and what CUDA itself takes."""

import torch

CONTEXT = 600_000_000
"""Bytes that a process takes on a GPU beside tensors: CUDA's context, PyTorch's kernels and cuBLAS.

Estimated; not measured yet.
"""


def computes_bfloat16(device: torch.device) -> bool:
    """Whether it is a GPU with units for bfloat16: NVIDIA's since Ampere.

    Older ones emulate it, more slowly than they compute float32.
    """
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on GPUs that have it, and float32 elsewhere.

    It takes half the memory and time, and, unlike float16, no scaling of the loss.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_bfloat16(device))
