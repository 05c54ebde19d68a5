"""The sections of the shipped kinds of initial weights. Without torch: see `kind`."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from datasets.options import Dataset
from models.pretraining.kind import Fault, KindOptions, Start
from runs.sections import Section

WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")


class ImagenetOptions(KindOptions):
    """timm's own weights, from a folder or from the hub."""

    folder: Path | None = Field(
        None, description="holds <model>.<tag>.safetensors; a file that is not there: the hub"
    )

    def faults(self) -> Iterable[Fault]:
        """The folder must exist."""
        if self.folder is not None and not self.folder.is_dir():
            yield Fault(("folder",), f"there is no folder {self.folder}")


DEFAULT_WEIGHTS = "default"
"""What `pretraining` calls a source's usual weights for a backbone."""


class PublishedOptions(KindOptions):
    """Weights of a backbone's own source: `default`, or `SOURCE:NAME`."""

    folder: Path | None = Field(
        None,
        description="holds the files under their own names, timm's as <model>.<tag>.safetensors; "
        "one that is not there: the hub",
    )

    def faults(self) -> Iterable[Fault]:
        """The folder must exist."""
        if self.folder is not None and not self.folder.is_dir():
            yield Fault(("folder",), f"there is no folder {self.folder}")


class MaeOptions(KindOptions):
    """Masked-image modelling on the sweep's own training images, labels unused."""

    mask_ratio: float = Field(0.6, gt=0, lt=1, description="share of an image that is masked")
    lr: float = Field(1e-3, gt=0, description="highest learning rate")
    batch_size: int = Field(16, ge=1, description="images a step")


class TeacherOptions(Section):
    """The network that a distillation learns from, and what it starts from itself."""

    backbone: str = Field(description="a timm model name")
    pretraining: str = Field(description="scratch, imagenet, mae, or a name of checkpoints")


class DistillationOptions(KindOptions):
    """A student learns from a teacher to tell patches with an object from patches without."""

    teacher: TeacherOptions
    temperature: float = Field(2.0, gt=0, description="above 1 softens both answers")
    hard_weight: float = Field(0.5, ge=0, le=1, description="share of the true labels in the loss")
    lr: float = Field(3e-4, gt=0, description="highest learning rate, of the teacher too")
    batch_size: int = Field(16, ge=1, description="images a step")

    def starts(self) -> Iterable[Start]:
        """The teacher's own start."""
        keys = (("teacher", "backbone"), ("teacher", "pretraining"))
        yield Start(keys, self.teacher.backbone, self.teacher.pretraining)


class SourceOptions(KindOptions):
    """What a model is trained on first; `budget.pretraining_epochs` says how long.

    Head, batch size, losses and the rest are the sweep's own; what `tune` holds is at its middle.
    """

    dataset: Dataset = Field(description="keys as of the sweep's own dataset")
    lr: float = Field(gt=0, description="highest learning rate")
    pretraining: str = Field("scratch", description="what its backbone starts from")

    def starts(self) -> Iterable[Start]:
        """What the model's backbone starts from."""
        yield Start(((), ("pretraining",)), None, self.pretraining)


class Checkpoint(KindOptions):
    """Weights from a file or a hub: `file` may hold `{backbone}`, else name its `backbone`."""

    file: str = Field(description="a path, or owner/name[:file] on the hub")
    backbone: str | None = Field(None, description="the one backbone that the file is of")
    bands: list[str] | None = Field(
        None,
        description="what its stem was made for, by the data set's band names; null: as many "
        "bands as the sweep's, in their order, or R, G, B",
    )

    def faults(self) -> Iterable[Fault]:
        """A local file must exist; of its name only `{backbone}` is filled in."""
        try:
            self.file.format(backbone="")
        except (KeyError, IndexError, ValueError):
            yield Fault(("file",), "only {backbone} may be in braces")
            return
        file = Path(self.file).expanduser()
        if "{" not in self.file and is_local(self.file) and not file.is_file():
            yield Fault(("file",), f"there is no file {file}")


def is_local(path_or_hub_id: str) -> bool:
    """Whether a local file is meant, whether it exists or not, and no repository on the hub."""
    repository = path_or_hub_id.partition(":")[0]
    return (
        repository.count("/") != 1
        or repository.startswith(("/", ".", "~"))
        or repository.endswith(WEIGHT_SUFFIXES)
    )
