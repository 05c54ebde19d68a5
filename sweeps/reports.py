"""What a worker tells of the job that it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """One of a job's reports, in order.

    Attributes:
        numbers: what the job has to tell: of an epoch, or its outcome.
        last: the worker has nothing more to do.
        undetermined: operations that the job has used so far, and that have no deterministic
            algorithm, though the sweep asks for them.
    """

    numbers: Mapping[str, Any]
    last: bool = False
    undetermined: tuple[str, ...] = ()
