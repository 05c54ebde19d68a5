"""Initial weights: what a backbone, or a whole model, starts from.

- `scratch`: the random weights that timm gives a network; nothing to do.
- `imagenet`, and a name under `weights.checkpoints`: read from a file, with an audit of what
  matched; `layouts` knows the files that name their tensors differently from timm.
- `mae`, `distillation`, `source`: stages of training of their own, made once and kept in a store.
"""

from torch import nn

from models.model import Model
from models.pretraining.checkpoint import CHECKPOINT
from models.pretraining.distillation import DISTILLATION
from models.pretraining.imagenet import IMAGENET
from models.pretraining.mae import MAE
from models.pretraining.source import SOURCE
from models.pretraining.stage import Kind
from models.pretraining.store import Stored

SCRATCH = "scratch"

KINDS: dict[str, Kind] = {kind.name: kind for kind in (IMAGENET, MAE, DISTILLATION, SOURCE)}
"""The kinds that `pretraining` calls by their own name, each with a section under `weights`."""


def load_initial(stored: Stored, model: Model) -> None:
    """Fill the model, or its backbone alone, with stored initial weights, in place."""
    kind = KINDS.get(str(stored.record["kind"]), CHECKPOINT)
    target: nn.Module = model if kind.whole else model.backbone.network
    stored.load_into(target)
