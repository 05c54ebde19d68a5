"""Backbones: networks as features at strides 4, 8, 16 and 32, from the libraries that have them.

`SOURCE/NAME` is what source SOURCE calls NAME; a bare name is timm's. Adding a source is a file
here with what `models.backbones.source.Library` lists, and its line in `SOURCES`. A source's
library is imported when one of its backbones is built, and is optional but for timm.

Sources are known without torch, which takes seconds to import: `Backbone` and what is beside it are
imported when they are asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from models.backbones.source import DEFAULT, Source, UnknownBackboneError, source_of

if TYPE_CHECKING:
    from models.backbones.backbone import STRIDES, Backbone, check_backbone

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(DEFAULT, "models.backbones.timm", "timm"),
        Source("torchgeo", "models.backbones.torchgeo", "torchgeo"),
        Source("terratorch", "models.backbones.terratorch", "terratorch"),
        Source("olmoearth", "models.backbones.olmoearth", "olmoearth_pretrain", "--no-deps "),
    )
}

__all__ = [
    "SOURCES",
    "STRIDES",
    "Backbone",
    "Source",
    "UnknownBackboneError",
    "check_backbone",
    "source_and_name",
]


def source_and_name(backbone: str) -> tuple[Source, str]:
    """The source of a backbone, which is installed, and what the source calls it.

    Raises:
        UnknownBackboneError: there is no such source, or its library is not installed.
    """
    return source_of(backbone, SOURCES)


def __getattr__(name: str) -> Any:
    if name in ("STRIDES", "Backbone", "check_backbone"):
        return getattr(importlib.import_module("models.backbones.backbone"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
