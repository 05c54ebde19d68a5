"""What a head is: how a model is built over a backbone, and the options it has."""

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasets.source import Label
from models.heads.options import HeadOptions

if TYPE_CHECKING:
    from models.backbones import Backbone
    from models.model import Classes, Model


@dataclass(frozen=True)
class Head:
    """What turns a backbone into a model.

    Attributes:
        network: `module:name` of the class of the `Model` that `build` makes, or of a function that
            makes it. It is imported when one is built, so that the names and options of heads are
            known without torch, which takes seconds.
        options: class of its options.
        needs: the labels that it learns from beside those of its task.
        metrics: those there are of its models beside those of its task.
    """

    network: str
    options: type[HeadOptions]
    needs: Label | None = None
    metrics: tuple[str, ...] = ()

    def build(self, backbone: "Backbone", classes: "Classes", options: HeadOptions) -> "Model":
        """The model over `backbone`, its own weights at random; `options` are of its class."""
        model: Model = pkgutil.resolve_name(self.network)(backbone, classes, options)
        return model
