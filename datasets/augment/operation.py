"""What an operation is: one random change of a batch, with a strength."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasets.batches import Batch

Change = Callable[["Batch", float, np.random.Generator], "Batch"]
"""Changes each image of a batch, on its device, by what is drawn for it from the generator.

The strength is above 0, and the smaller it is, the closer every image stays to what it was.
"""


@dataclass(frozen=True)
class Operation:
    """One random change, of any strength from 0, which is none.

    Attributes:
        function: `module:name` of its `Change`, imported when it is first used.
        most: the largest strength.
        meaning: of a strength s, for a person.
    """

    function: str
    most: float
    meaning: str

    @cached_property
    def change(self) -> Change:
        """The function itself."""
        found: Change = pkgutil.resolve_name(self.function)
        return found
