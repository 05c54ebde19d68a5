"""Initial weights: what a backbone, or a whole model, starts from.

- `scratch`: the random weights that timm gives a network; nothing to do.
- `imagenet`, and a name under `weights.checkpoints`: read from a file, with an audit of what
  matched; `layouts` knows the files that name their tensors differently from timm.
- `default`, and `SOURCE:NAME`: read from a file that the backbone's source publishes, the same way.
- `mae`, `distillation`, `source`: stages of training of their own, made once and kept in a store.

Adding a kind is a file here, with a function that makes its `Stage`, and its line in `KINDS`. Its
options stand in that file; in one without torch, such as `options.py`, they are known sooner.
"""

from models.pretraining.kind import Kind
from models.pretraining.options import (
    DEFAULT_WEIGHTS,
    Checkpoint,
    DistillationOptions,
    ImagenetOptions,
    MaeOptions,
    PublishedOptions,
    SourceOptions,
)

SCRATCH = "scratch"

KINDS: dict[str, Kind] = {
    "imagenet": Kind("models.pretraining.imagenet:imagenet_stage", ImagenetOptions),
    DEFAULT_WEIGHTS: Kind("models.pretraining.published:published_stage", PublishedOptions),
    "mae": Kind("models.pretraining.mae:mae_stage", MaeOptions),
    "distillation": Kind("models.pretraining.distillation:distillation_stage", DistillationOptions),
    "source": Kind("models.pretraining.source:source_stage", SourceOptions, whole=True),
}
"""By the name that `pretraining` calls them, each with a section under `weights`."""


def kind_of(name: str) -> str:
    """The kind of what `pretraining` names, unless it is a checkpoint: `SOURCE:NAME` is published.

    It has the section of its kind under `weights`.
    """
    return DEFAULT_WEIGHTS if ":" in name else name


CHECKPOINT = Kind("models.pretraining.checkpoint:checkpoint_stage", Checkpoint)
"""Weights from a file, which have a name of their own under `weights.checkpoints`."""
