"""Sizes that depend on values, for tensors that have none.

Detectors keep some of the boxes that they propose, and learn from some of their anchors: how many,
the values say. Here they are as many as there can be, but for what is sampled.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torchvision.ops  # noqa: F401  (registers its operations)
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

OBJECTS = 0.25
"""Share of matches and labels that are taken to be of an object: as many as are sampled at most."""

aten = torch.ops.aten


class LargestSizes(TorchDispatchMode):
    """Within, operations on fake tensors whose result has no known size give the largest.

    - All boxes pass a threshold of scores or sizes, and suppression removes none.
    - Integers (which object an anchor matches, class ids) are of an object in a quarter of all.
    - A mask in which indices were set, as that of what a sampler has chosen, is true in as many.
    - Single values that are looked at are 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trues = WeakTensorKeyDictionary()

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation, or give the largest result that it can have."""
        kwargs = kwargs or {}
        if func in GIVEN:
            return GIVEN[func](self, *args)
        if func in INDEXED:
            return func(args[0], self._as_indices(args[1]), *args[2:], **kwargs)
        given = func(*args, **kwargs)
        if func in OF_OBJECTS and not args[0].is_floating_point():
            self._trues[given] = max(1, round(OBJECTS * given.numel()))
        elif func is aten.bitwise_or.Tensor and all(part in self._trues for part in args):
            self._trues[given] = sum(self._trues[part] for part in args)
        elif func is aten.cat.default and all(part in self._trues for part in args[0]):
            self._trues[given] = sum(self._trues[part] for part in args[0])
        return given

    def trues(self, mask: Tensor) -> int:
        """How many values of a mask are true."""
        return int(self._trues.get(mask, mask.numel()))

    def _as_indices(self, indices: list[Tensor | None]) -> list[Tensor | None]:
        """Masks among them as the places where they are true."""
        found: list[Tensor | None] = []
        for index in indices:
            if index is not None and index.dtype in (torch.bool, torch.uint8):
                found += [_places(index, self.trues(index))] * index.ndim
            else:
                found.append(index)
        return found

    def _set(self, mask: Tensor, indices: list[Tensor | None], *more: Any) -> Tensor:
        places = self._as_indices(indices)
        if mask.dtype in (torch.bool, torch.uint8) and len(places) == 1 and places[0] is not None:
            self._trues[mask] = min(mask.numel(), places[0].numel())
        return aten.index_put_.default(mask, places, *more)


class Zeros(TorchFunctionMode):
    """Within, tensors that leave PyTorch for NumPy are zeros."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch."""
        if func is Tensor.numpy:
            return np.zeros(args[0].shape, str(args[0].dtype).removeprefix("torch."))
        return func(*args, **(kwargs or {}))


def _places(of: Tensor, count: int) -> Tensor:
    return of.new_empty(count, dtype=torch.int64)


def _nonzero(sizes: LargestSizes, mask: Tensor) -> Tensor:
    return mask.new_empty((sizes.trues(mask), mask.ndim), dtype=torch.int64)


def _suppressed(_: LargestSizes, boxes: Tensor, *_more: Any) -> Tensor:
    return _places(boxes, len(boxes))


def _unique(_: LargestSizes, values: Tensor, *_more: Any) -> tuple[Tensor, Tensor, Tensor]:
    return values.new_empty(1), _places(values, values.numel()), _places(values, 1)


def _looked_at(*_: Any) -> int:
    return 0


GIVEN: dict[OpOverload, Callable[..., Any]] = {
    aten.nonzero.default: _nonzero,
    torch.ops.torchvision.nms.default: _suppressed,
    aten._unique2.default: _unique,
    aten._local_scalar_dense.default: _looked_at,
    aten.index_put_.default: LargestSizes._set,
}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten._index_put_impl_.default}
OF_OBJECTS = {aten.ge.Scalar, aten.gt.Scalar}
