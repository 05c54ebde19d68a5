"""What a layout makes of a file's tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Translation:
    """Tensors on their way from another layout to timm's.

    Attributes:
        state: the tensors by timm's names, of whatever image size and bands they were made for.
        layout: whose layout it was, for a person; empty for timm's own.
        outside: names of the tensors that are not of the image encoder.
        refusal: why they cannot be this network's however many fit, a clause; empty if they can.
    """

    state: dict[str, Tensor]
    layout: str = ""
    outside: tuple[str, ...] = ()
    refusal: str = ""


Layout = Callable[[nn.Module, Mapping[str, Tensor]], Translation | None]
"""Translates the tensors of its layout for a network; None for those of another."""


def find_root(tensors: Mapping[str, Tensor], *landmarks: str) -> str | None:
    """The prefix, maybe empty, behind which all of `landmarks` are found; None if there is none."""
    first, *others = landmarks
    for name in tensors:
        root = name.removesuffix(first)
        if name.endswith(first) and all(f"{root}{other}" in tensors for other in others):
            return root
    return None


def under(tensors: Mapping[str, Tensor], root: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors behind the prefix `root`, without it, and the names of the others."""
    inside = {name.removeprefix(root): t for name, t in tensors.items() if name.startswith(root)}
    return inside, tuple(name for name in tensors if not name.startswith(root))
