"""The sweep file: every key, its type, its default and what it means.

Three groups of hyperparameters, in the words of the Deep Learning Tuning Playbook (Godbole et al.
2023): `compare` holds the scientific ones (each combination is an arm, a row of the table),
`tune` the nuisance ones (searched within every arm, so that arms are compared at their best), and
`fixed` the rest. All three take the keys of `Settings`, the options of the heads
(`models.heads.options`) and weights of loss terms. If a factor of `compare` stands for several
settings at once, `variants` has the settings of each choice.
"""

import contextlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from models.heads.options import HeadOptions, HypercolumnOptions, SegmenterOptions
from models.losses.names import LOSS_PREFIX
from runs.arms import Scalar


def _distinct(values: list[Scalar]) -> list[Scalar]:
    if not values:
        raise ValueError("the list of choices is empty")
    if len(set(map(repr, values))) < len(values):
        raise ValueError("a choice is listed twice")
    return values


Choices = Annotated[list[Scalar], AfterValidator(_distinct)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true where a number is expected: pydantic would read it as 1."""
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and kind is not bool and kind is not Any:
            raise ValueError(f"{str(value).lower()} is not a value of this key")
        return value


class Settings(_Section):
    """The settings of one trial: the keys of `compare`, `tune` and `fixed`.

    `backbone`, `pretraining` and `lr` must be given in one of the three; the others have the
    defaults below. Weights of loss terms (`loss_weights.NAME`, default 1) and the options of the
    head come beside them.
    """

    backbone: str = Field(description="a timm model name")
    pretraining: str = Field(
        description="scratch, imagenet, mae, distillation, source, or a name under "
        "weights.checkpoints"
    )
    lr: float = Field(gt=0, description="highest learning rate, after warm-up")
    lr_decay: Literal["cosine", "exponential", "none"] = Field(
        "cosine", description="how it falls: to 0, to a hundredth, or not at all"
    )
    epochs: int | None = Field(
        None, ge=0, description="null: budget.epochs; 0: scored as initialised, not trained"
    )
    frozen: bool = Field(False, description="leave the backbone as it was initialised")
    head: str | None = Field(None, description="what reads the features; null: the task's first")
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = Field(0.05, ge=0)
    batch_size: int = Field(8, ge=1, description="images a step")
    warmup_epochs: float = Field(0.5, ge=0, description="linear rise of the learning rate")
    clip_norm: float = Field(5.0, gt=0, description="largest norm of the gradient")
    augment: bool = Field(True, description="rotate and flip training images at random")


HEAD_OPTIONS: dict[str, type[HeadOptions]] = {
    name: options
    for options in (HypercolumnOptions, SegmenterOptions)
    for name in options.model_fields
}
"""Settings that only some heads have, with the options they belong to."""


def is_setting(name: str) -> bool:
    """Whether `name` can be a key of `compare`, `tune` or `fixed`."""
    return name in Settings.model_fields or name in HEAD_OPTIONS or name.startswith(LOSS_PREFIX)


def setting_adapter(name: str) -> TypeAdapter[Any]:
    """What checks and converts a value of the setting `name`. KeyError: there is no such one."""
    owner = HEAD_OPTIONS.get(name, Settings)
    field = owner.model_fields[name]
    kind: Any = field.annotation
    kind = Annotated[(kind, *field.metadata)] if field.metadata else kind
    return TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False))


def typed(name: str, value: Any) -> Any:
    """`value` in the type of the setting `name`; unchanged if it does not fit: a check reports it.

    A list of numbers (class weights) becomes text, because configurations are flat.
    """
    if isinstance(value, list) and all(type(part) in (int, float) for part in value):
        value = ", ".join(f"{part:g}" for part in value)
    if name.startswith(LOSS_PREFIX) and type(value) is int:
        return float(value)
    if name in Settings.model_fields or name in HEAD_OPTIONS:
        with contextlib.suppress(ValidationError):
            return setting_adapter(name).validate_python(value)
    return value


class Domain(_Section):
    """The range or choices of a tuned value: exactly one of the three."""

    uniform: tuple[float, float] | None = None
    log_uniform: tuple[float, float] | None = None
    choice: Choices | None = None

    @model_validator(mode="after")
    def _one_and_in_order(self) -> Self:
        given = [name for name in ("uniform", "log_uniform", "choice") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("give exactly one of uniform, log_uniform and choice")
        if self.choice is not None:
            return self
        low, high = self.uniform or self.log_uniform or (0.0, 0.0)
        if not low < high:
            raise ValueError(f"the range is reversed or empty: {low:g} is not below {high:g}")
        if self.log_uniform and low <= 0:
            raise ValueError(f"a log_uniform range starts above 0, not at {low:g}")
        return self

    @property
    def middle(self) -> Scalar:
        """The first value that is tried in an arm: the (geometric) middle, or the first choice."""
        if self.choice is not None:
            return self.choice[0]
        if self.log_uniform is not None:
            return (self.log_uniform[0] * self.log_uniform[1]) ** 0.5
        assert self.uniform is not None
        return sum(self.uniform) / 2


class Split(_Section):
    """How labelled images are divided if the data set has no split of its own."""

    val: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    seed: int = Field(42, ge=0)
    remake: bool = Field(False, description="divide the training images even if it has one")

    @model_validator(mode="after")
    def _leaves_training(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing to train on")
        return self


class Dataset(_Section):
    """Which images, and how they are read."""

    name: str
    root: Path | None = Field(None, description="folder of the data; null: the embedded sample")
    bands: str | list[str | int] = Field("rgb", description="rgb, all, or names or indices")
    image_size: int = Field(128, ge=32, multiple_of=32, description="px a side, as trained on")
    min_area: float = Field(32, ge=0, description="px² at image_size: smaller objects are ignored")
    tile: int | None = Field(
        None,
        ge=32,
        description="px of the file: side of the tiles that scenes are cut into; null: whole",
    )
    overlap: int = Field(0, ge=0, description="overlap of neighbouring tiles, px")
    stretch: tuple[float, float] | None = Field(
        None, description="percentiles of the training pixels that become 0 and 1; null: as stored"
    )
    ignore_index: int = Field(
        255, ge=0, le=255, description="mask value that losses and metrics ignore"
    )
    only_with_objects: bool = Field(False, description="leave out images without an object")
    split: Split = Split()
    skip_bad: bool = Field(False, description="skip unreadable files instead of stopping")

    @field_validator("root")
    @classmethod
    def _home(cls, root: Path | None) -> Path | None:
        return root and root.expanduser()

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if self.overlap and self.tile is None:
            raise ValueError("overlap needs tiles: give tile as well")
        if self.tile is not None and self.overlap >= self.tile:
            raise ValueError(f"tiles of {self.tile} px cannot overlap by {self.overlap}")
        return self

    @field_validator("stretch")
    @classmethod
    def _rising(cls, stretch: tuple[float, float] | None) -> tuple[float, float] | None:
        if stretch is not None and not 0 <= stretch[0] < stretch[1] <= 100:
            raise ValueError(f"percentiles rise from 0 to 100, not {stretch[0]:g}, {stretch[1]:g}")
        return stretch


class Imagenet(_Section):
    """timm's own weights: from `folder` (<model>.<tag>.safetensors), else from the hub."""

    folder: Path | None = None


class Mae(_Section):
    """Masked-image modelling on the sweep's own training images, labels unused."""

    mask_ratio: float = Field(0.6, gt=0, lt=1)
    lr: float = Field(1e-3, gt=0)
    batch_size: int = Field(16, ge=1)


class Teacher(_Section):
    """The network that a distillation learns from, and where it starts itself."""

    backbone: str
    pretraining: str


class Distillation(_Section):
    """A student taught by a teacher to tell patches with an object from patches without."""

    teacher: Teacher
    temperature: float = Field(2.0, gt=0)
    hard_weight: float = Field(0.5, ge=0, le=1, description="share of the true labels in the loss")
    lr: float = Field(3e-4, gt=0)
    batch_size: int = Field(16, ge=1)


class Checkpoint(_Section):
    """Weights from a file or a hub: `file` may hold `{backbone}`, else name its `backbone`."""

    file: str = Field(description="a path, or owner/name[:file] on the hub")
    backbone: str | None = Field(None, description="the one backbone that the file is of")
    bands: list[str] | None = Field(
        None,
        description="what its stem was made for, by the data set's band names; null: as many "
        "bands as the sweep's, in their order, or R, G, B",
    )


class SourceTraining(_Section):
    """A whole model, trained on other data first: `pretraining: source`.

    Head, batch size, losses and the rest are the sweep's own; `budget.pretraining_epochs` says how
    long, and what `tune` holds is at its middle.
    """

    dataset: Dataset
    lr: float = Field(gt=0)
    pretraining: str = Field("scratch", description="where its backbone starts")


class Weights(_Section):
    """How the initial weights that arms name are got or made."""

    imagenet: Imagenet = Imagenet()
    mae: Mae = Mae()
    distillation: Distillation | None = None
    checkpoints: dict[str, Checkpoint] = {}
    source: SourceTraining | None = None


class Budget(_Section):
    """How much is trained. `pretraining_epochs` is for each stage of initial weights."""

    trials: int = Field(ge=1)
    epochs: int = Field(ge=1)
    pretraining_epochs: int = Field(50, ge=1)
    hours: float | None = Field(
        None, gt=0, description="of this command; after them, --resume continues the run"
    )


class Cost(_Section):
    """What a machine costs, for the column of costs in the table."""

    usd_per_hour: float = Field(gt=0)


class Reference(_Section):
    """One published row: the values of some of the sweep's factors, and scores."""

    arm: dict[str, Scalar]
    scores: dict[str, float]


class References(_Section):
    """Published numbers that the ranking shows beside its own, marked as such."""

    source: str
    note: str = Field("", description="what a reader should know before comparing")
    rows: list[Reference] = Field(min_length=1)


class Scheduler(_Section):
    """When a trial is stopped early.

    asha: at epochs grace, grace·factor, grace·factor², … only the best 1/factor continue.
    median: from `grace_epochs` on, trials below the median of the others stop.
    """

    name: Literal["asha", "median", "none"] = "asha"
    grace_epochs: int = Field(1, ge=1)
    factor: int = Field(3, ge=2, description="asha's reduction factor")


class Repeats(_Section):
    """The best configurations, trained again under other seeds after the search."""

    top: int = Field(3, ge=1, description="number of arms, the best on validation")
    seeds: int = Field(3, ge=2, description="trainings of each")


class Sampler(_Section):
    """How values are proposed: Optuna's TPE, random sampling, or all combinations of choices."""

    name: Literal["tpe", "random", "grid"] = "tpe"
    startup_trials: int = Field(10, ge=1, description="tpe: random trials before it uses its model")


class Resources(_Section):
    """The slot of one trial. Without a GPU `gpu` is ignored, and the plan says so."""

    cpu: int = Field(1, ge=1)
    gpu: float = Field(0, ge=0, le=1, description="a share of one GPU, which limits its memory")


def _all_typed(settings: Any) -> Any:
    if not isinstance(settings, dict):
        return settings
    return {name: typed(str(name), value) for name, value in settings.items()}


class Sweep(_Section):
    """One sweep file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    task: str
    metric: str = Field(description="what trials are ranked by, on validation")
    dataset: Dataset
    compare: dict[str, Choices] = Field(min_length=1)
    tune: dict[str, Domain] = {}
    fixed: dict[str, Any] = {}
    variants: dict[str, dict[str, dict[str, Any]]] = Field(
        {},
        description="the settings that each choice of a factor stands for: "
        "FACTOR: {CHOICE: {setting: value}}; they have priority over tune and fixed",
    )
    weights: Weights = Weights()
    budget: Budget
    on_sample: dict[str, Any] = Field(
        {},
        description="what is different on the embedded sample, written like overrides of the "
        "command line, which have priority: budget.trials: 12",
    )
    scheduler: Scheduler = Scheduler()
    sampler: Sampler = Sampler()
    allocation: Literal["adaptive", "equal"] = Field(
        "adaptive",
        description="adaptive: each arm once, then the sampler chooses arms as well; "
        "equal: the same number of trials for every arm, each with its own search",
    )
    resources: Resources = Resources()
    unavailable: Literal["error", "skip"] = Field(
        "error", description="for arms whose weights are not available"
    )
    repeats: Repeats | None = None
    cost: Cost | None = None
    references: References | None = None
    seed: int = Field(0, ge=0, lt=2**32)

    @field_validator("fixed", mode="before")
    @classmethod
    def _typed_fixed(cls, fixed: Any) -> Any:
        return _all_typed(fixed)

    @field_validator("variants", mode="before")
    @classmethod
    def _typed_variants(cls, variants: Any) -> Any:
        if not isinstance(variants, dict):
            return variants
        return {
            factor: {name: _all_typed(settings) for name, settings in choices.items()}
            if isinstance(choices, dict)
            else choices
            for factor, choices in variants.items()
        }

    @field_validator("compare", mode="before")
    @classmethod
    def _typed_compare(cls, compare: Any) -> Any:
        """Choices in the type of their setting: 1 becomes 1.0, in an arm and in its trials."""
        if not isinstance(compare, dict):
            return compare
        return {
            name: [typed(name, value) for value in values] if isinstance(values, list) else values
            for name, values in compare.items()
        }

    @property
    def uses_sample(self) -> bool:
        """Whether the sweep runs on the embedded sample, because it names no data."""
        return self.dataset.root is None
