"""How many bytes live tensors take, counted while operations run."""

import weakref
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Within, counts the storages of all tensors that operations give, until each is freed.

    Args:
        block: a storage takes a multiple of so many bytes.

    Attributes:
        now, peak: bytes of live storages, and the most that there were at once.
    """

    def __init__(self, block: int = 1) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._block = block
        self._counted: set[int] = set()

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation, and count what it gives."""
        given = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(given):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return given

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self._counted:
            return
        size = -(-storage.nbytes() // self._block) * self._block
        self._counted.add(storage._cdata)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._freed, storage._cdata, size).atexit = False

    def _freed(self, storage: int, size: int) -> None:
        self._counted.discard(storage)
        self.now -= size
