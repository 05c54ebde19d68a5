"""The types of a GPU's autocast, for tensors on the CPU.

Without a GPU, PyTorch cannot run a backward pass on fake tensors of one. On the CPU it can, but
autocast has other lists there: layer norms, for instance, give bfloat16 instead of float32. Here
the operations that matter for memory are done in the types, and attention by the kernel, of a GPU
(PyTorch's `autocast_mode.h`, "Autocast Op Reference").
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet, _ExcludeDispatchKeyGuard
from torch._ops import OpOverload
from torch.utils._pytree import tree_map

aten = torch.ops.aten

FLOAT32 = (
    *("layer_norm", "group_norm", "rms_norm", "softmax", "log_softmax", "logsumexp", "sum"),
    *("cumsum", "exp", "log", "pow", "reciprocal", "rsqrt", "softplus", "cosine_similarity"),
    *("upsample_nearest2d", "_upsample_nearest_exact2d"),
    *("upsample_bilinear2d", "_upsample_bilinear2d_aa"),
    *("upsample_bicubic2d", "_upsample_bicubic2d_aa"),
)
"""Operations that a GPU's autocast does in float32, and a CPU's in the type of what they get."""

KEY = "AutocastCPU"
CPU_AUTOCAST = DispatchKeySet(DispatchKey.AutocastCPU)


@contextmanager
def autocast_of_a_gpu() -> Iterator[None]:
    """Within, the CPU's autocast to bfloat16 does in each type what a GPU's does."""
    with torch.library._scoped_library("aten", "IMPL") as library:
        for operation in _overloads(FLOAT32):
            library.impl(operation, _in_float32(operation), KEY)
        attention = aten.scaled_dot_product_attention.default
        library.impl(attention, _attention, KEY)
        yield


def _overloads(names: tuple[str, ...]) -> Iterator[OpOverload]:
    """Of operations by name: those of a tensor, that give a new one."""
    for name in names:
        packet = getattr(aten, name)
        for overload in packet.overloads():
            operation = getattr(packet, overload)
            first = operation._schema.arguments[0]
            if "out" not in overload and isinstance(first.type, torch.TensorType):
                yield operation


def _in_float32(operation: OpOverload) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with _ExcludeDispatchKeyGuard(CPU_AUTOCAST):
            return operation(*tree_map(_to(torch.float32), args), **kwargs)

    return run


def _to(dtype: torch.dtype) -> Callable[[Any], Any]:
    def cast(value: Any) -> Any:
        return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value

    return cast


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout: float = 0.0,
    causal: bool = False,
    **options: Any,
) -> Tensor:
    """By the kernel that keeps no matrix of attention, whatever the mask."""
    query, key, value = tree_map(_to(torch.bfloat16), (query, key, value))
    if mask is not None:
        shape = (*query.shape[:-1], key.shape[-2])
        mask = mask.to(torch.bfloat16).expand(shape)
    options.pop("enable_gqa", None)
    with _ExcludeDispatchKeyGuard(CPU_AUTOCAST):
        found: Tensor = aten._scaled_dot_product_efficient_attention.default(
            *(query, key, value, mask, torch.is_grad_enabled(), dropout, causal), **options
        )[0]
    return found
