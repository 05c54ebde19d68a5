"""What a trial logged, epoch by epoch, as one array: the dicts of a large sweep fill gigabytes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from math import isnan
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Row = dict[str, float]


def curve_tag(name: str, metrics: Collection[str]) -> str:
    """How a curve is called where all are shown: the validation `metrics` under `val/`."""
    return f"val/{name}" if name in metrics else f"train/{name}"


class Curve(Sequence[Row]):
    """A sequence of epochs: each a dict of its `epoch` and of what was logged.

    Attributes:
        keys: `epoch` (from 1; 0 of a trial that is scored untrained), then the others in the
            order in which they first come.
        values: float64 [epochs, keys]; NaN where an epoch did not log a key, or not as a finite
            number.
    """

    def __init__(self, epochs: Sequence[Mapping[str, float | None]] = ()) -> None:
        layouts = dict.fromkeys(map(tuple, epochs))
        self.keys = tuple(dict.fromkeys(chain(["epoch"], *layouts)))
        if list(layouts) == [self.keys]:  # as nearly always, and three times as fast
            rows = [list(epoch.values()) for epoch in epochs]
        else:
            rows = [[epoch.get(key) for key in self.keys] for epoch in epochs]
        self.values: NDArray[np.float64] = np.array(rows, np.float64).reshape(-1, len(self.keys))
        if np.isnan(self.values[:, 0]).any():
            raise ValueError("an epoch has no number")

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self._row(values) for values in self.values[index]]
        return self._row(self.values[index])

    def __iter__(self) -> Iterator[Row]:
        return map(self._row, self.values)

    def column(self, key: str) -> NDArray[np.float64]:
        """What each epoch logged as `key`, float64 [epochs]; NaN where it did not."""
        if key not in self.keys:
            return np.full(len(self), np.nan)
        return self.values[:, self.keys.index(key)]

    def __repr__(self) -> str:
        return f"Curve({list(self)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _row(self, values: NDArray[np.float64]) -> Row:
        row = {
            key: value
            for key, value in zip(self.keys, values.tolist(), strict=True)
            if not isnan(value)
        }
        return row | {"epoch": int(row["epoch"])}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Self], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read from a JSON list of objects, and written as one."""

        def curve(epochs: list[dict[str, float | None]]) -> Curve:
            try:
                return cls(epochs)
            except ValueError as error:
                raise PydanticCustomError("epoch", str(error)) from None

        rows: Any = handler.generate_schema(list[dict[str, float | None]])
        read = core_schema.no_info_after_validator_function(curve, rows)
        return core_schema.json_or_python_schema(
            json_schema=read,  # a union would cost half as much again
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(list),
        )
