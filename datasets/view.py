"""What of decoded data an arm sees: some bands, a share of the training images, another scaling."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Limits = tuple[tuple[float, ...], tuple[float, ...]]


class Scaling(NamedTuple):
    """How stored values are scaled, for each band of the cache.

    Attributes:
        stretch: the values that become 0, and those that become 1; None without a stretch.
        mean, std: of the training split's pixels after the stretch.
    """

    stretch: Limits | None
    mean: tuple[float, ...]
    std: tuple[float, ...]


class View(NamedTuple):
    """What of a cache is seen.

    Attributes:
        bands: positions in the cache, in order; None for all.
        train_fraction: share of the training images, whole scenes of them.
        scaling: None as the cache has it.
    """

    bands: tuple[int, ...] | None = None
    train_fraction: float = 1.0
    scaling: Scaling | None = None


WHOLE = View()
"""All that was decoded."""


class Pixels(Protocol):
    """Images [N, C, S, S] or masks [N, S, S]: an array, or what reads one when it is asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any:
        """Rows by an index that an array takes along its first axis."""

    def __iter__(self) -> Iterator[Any]: ...


class Part:
    """Rows and channels of an array [N, ..., S, S], read when they are asked for.

    Args:
        whole: the array, which may be larger than memory, or a part itself.
        rows: int64 [M]; None for all.
        channels: int64 [D], along the second axis; None for all.
    """

    def __init__(
        self,
        whole: Pixels,
        *,
        rows: NDArray[np.int64] | None = None,
        channels: NDArray[np.int64] | None = None,
    ) -> None:
        self.whole, self.rows, self.channels = whole, rows, channels
        count = len(whole) if rows is None else len(rows)
        depth = whole.shape[1:-2] if channels is None else (len(channels),)
        self.shape: tuple[int, ...] = (count, *depth, *whole.shape[-2:])
        self.dtype: np.dtype[Any] = whole.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Rows by an index that an array takes along its first axis."""
        part = self.whole[index if self.rows is None else self.rows[index]]
        return part if self.channels is None else part[..., self.channels, :, :]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))
