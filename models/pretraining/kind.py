"""What a kind of initial weights is: its section of the sweep file, and how its stages are made.

Without torch, so that a sweep file is checked at once.
"""

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from runs.sections import Section

if TYPE_CHECKING:
    from models.pretraining.stage import Request, Stage

Key = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong in a kind's section, and where: `("teacher", "backbone")`."""

    key: Key
    message: str


class Start(NamedTuple):
    """A backbone, and the initial weights that it starts from itself.

    `keys` say where the two names are in the kind's section; a name that the section does not give
    is None.
    """

    keys: tuple[Key, Key]
    backbone: str | None
    pretraining: str


class KindOptions(Section):
    """The section of a kind under `weights`."""

    def starts(self) -> Iterable[Start]:
        """What the kind itself starts from."""
        return ()

    def faults(self) -> Iterable[Fault]:
        """What is wrong with options that have the right types."""
        return ()


@dataclass(frozen=True)
class Kind:
    """A kind of initial weights.

    Attributes:
        maker: `module:function` that makes the `Stage` of a `Request`. It is imported when a stage
            is made, because it needs torch, which takes seconds to import.
        options: its section of the sweep file.
        whole: whether the weights are of a whole model, and not of its backbone alone.
    """

    maker: str
    options: type[KindOptions]
    whole: bool = False

    def stage(self, request: "Request") -> "Stage":
        """The stage of a request.

        Raises:
            WeightsUnavailableError: imported weights are not available; says what to do about it.
        """
        stage: Stage = pkgutil.resolve_name(self.maker)(request)
        return stage

    @property
    def nested(self) -> bool:
        """Whether it starts from other weights itself, and so cannot be such a start."""
        return self.options.starts is not KindOptions.starts
