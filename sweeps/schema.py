"""The sweep file: every key, its type, its default and what it means.

Three groups of hyperparameters, in the words of the Deep Learning Tuning Playbook (Godbole et al.
2023): `compare` holds the scientific ones (each combination is an arm, a row of the table),
`tune` the nuisance ones (searched within every arm, so that arms are compared at their best), and
`fixed` the rest. All three take the keys of `Settings`, the options of the heads
(`models.heads`), strengths of augmentation (`datasets.augment`) and weights of loss terms. If a
factor of `compare` stands for several settings at once, `variants` has the settings of each choice.
"""

import contextlib
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from datasets.augment import OPERATIONS, PREFIX, Level
from datasets.options import ALL_BANDS, Dataset
from datasets.seen import AS_STORED
from models.heads import HEAD_OPTIONS
from models.heads.options import LOSS_PREFIX
from models.pretraining import KINDS
from models.pretraining.options import Checkpoint
from runs.arms import Scalar
from runs.sections import Section
from runs.storage import storage_address


def _distinct(values: list[Scalar]) -> list[Scalar]:
    if not values:
        raise ValueError("the list of choices is empty")
    if len(set(map(repr, values))) < len(values):
        raise ValueError("a choice is listed twice")
    return values


Choices = Annotated[list[Scalar], AfterValidator(_distinct)]


def _percentiles(stretch: str) -> str:
    if stretch == AS_STORED:
        return stretch
    try:
        low, high = (float(part) for part in stretch.split(","))
    except ValueError:
        raise ValueError("write two percentiles, such as [2, 98], or none") from None
    if not 0 <= low < high <= 100:
        raise ValueError("percentiles rise from 0 to 100")
    return f"{low:g}, {high:g}"


class Settings(Section):
    """The settings of one trial: the keys of `compare`, `tune` and `fixed`.

    `backbone`, `pretraining` and `lr` must be given in one of the three; the others have the
    defaults below. Weights of loss terms (`loss_weights.NAME`, default 1) and the options of the
    head come beside them.
    """

    backbone: str = Field(description="a timm model name, or SOURCE/NAME: torchgeo/resnet50")
    pretraining: str = Field(
        description="scratch, imagenet, default (the usual weights of the backbone's source), "
        "SOURCE:NAME, mae, distillation, source, or a name under weights.checkpoints"
    )
    missing_bands: Literal["error", "mean"] = Field(
        "error",
        description="for a band that the backbone wants and the data lack; mean: the mean of the "
        "bands that are there",
    )
    lr: float = Field(gt=0, description="highest learning rate, after warm-up")
    lr_decay: Literal["cosine", "exponential", "none"] = Field(
        "cosine", description="how it falls: to 0, to a hundredth, or not at all"
    )
    epochs: int | None = Field(
        None, ge=0, description="null: budget.epochs; 0: scored as initialised, not trained"
    )
    frozen: bool = Field(False, description="leave the backbone as it was initialised")
    keep_features: bool = Field(
        True,
        description="of a frozen backbone, where `augment` changes no image: compute its features "
        "once into the cache, and not in every epoch",
    )
    freeze_epochs: int = Field(
        0, ge=0, description="leave the backbone as it was for so many epochs, then train it"
    )
    backbone_lr: float = Field(
        1.0, gt=0, description="factor of lr for the backbone (of its last layer, see layer_decay)"
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="factor of the learning rate from each layer of the backbone to the one before "
        "it; a layer is a block of a transformer, a residual block of a ResNet",
    )
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay of a moving average of the weights, which is then scored and saved, "
        "such as 0.999; it rises to that as 1 - steps^(-2/3); 0: no average",
    )
    head: str | None = Field(None, description="what reads the features; null: the task's first")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="sgd has momentum 0.9")
    weight_decay: float = Field(0.05, ge=0, description="of all but norms and biases")
    batch_size: int = Field(8, ge=1, description="images that go through the model at once")
    effective_batch: int | None = Field(
        None,
        ge=1,
        description="images of an optimiser step, a multiple of batch_size: gradients of so many "
        "batches are averaged (gradient accumulation); null: batch_size",
    )
    warmup_epochs: float = Field(0.5, ge=0, description="linear rise of the learning rate")
    clip_norm: float = Field(5.0, gt=0, description="largest norm of the gradient")
    bands: str | None = Field(
        None, description="rgb, all, or a name under dataset.band_groups; null: all that are read"
    )
    image_size: int | None = Field(
        None,
        ge=32,
        multiple_of=32,
        description="px at which the model works; scores are of dataset.image_size, which null is",
    )
    train_fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training images, whole scenes of them; small shares are parts of "
        "large ones",
    )
    stretch: Annotated[str, AfterValidator(_percentiles)] | None = Field(
        None, description="percentiles, or none for as stored; null: dataset.stretch"
    )
    augment: Level | bool = Field(
        "flips",
        description="random changes of training images, see Augmentation; true is flips, and false "
        "none, as older files have it",
    )


STRENGTHS: dict[str, FieldInfo] = {
    PREFIX + name: FieldInfo.from_annotated_attribute(
        float, Field(0.0, ge=0, le=operation.most, description=operation.meaning)
    )
    for name, operation in OPERATIONS.items()
}
"""Settings beside `augment`: without them, the strengths are those of its level."""

if clash := Settings.model_fields.keys() & HEAD_OPTIONS.keys():
    raise TypeError(f"a head has an option that is the name of a setting: {', '.join(clash)}")


def is_setting(name: str) -> bool:
    """Whether `name` can be a key of `compare`, `tune` or `fixed`."""
    return _field(name) is not None or name.startswith(LOSS_PREFIX)


def _field(name: str) -> FieldInfo | None:
    """What is known of a setting; None of a weight of a loss, and of what is none."""
    return Settings.model_fields.get(name) or HEAD_OPTIONS.get(name) or STRENGTHS.get(name)


def setting_adapter(name: str) -> TypeAdapter[Any]:
    """What checks and converts a value of the setting `name`. KeyError: there is no such one."""
    field = _field(name)
    if field is None:
        raise KeyError(name)
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
    if _field(name) is not None:
        with contextlib.suppress(ValidationError):
            return setting_adapter(name).validate_python(value)
    return value


class Domain(Section):
    """The range or choices of a tuned value: exactly one of the three."""

    uniform: tuple[float, float] | None = Field(None, description="lowest and highest")
    log_uniform: tuple[float, float] | None = Field(
        None, description="the same, searched by magnitude"
    )
    choice: Choices | None = Field(None, description="a list; the first is tried first")

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
    def values(self) -> list[Any]:
        """All choices, or the ends of the range."""
        return list(self.choice or self.uniform or self.log_uniform or ())

    @property
    def middle(self) -> Scalar:
        """The first value that is tried in an arm: the (geometric) middle, or the first choice."""
        if self.choice is not None:
            return self.choice[0]
        if self.log_uniform is not None:
            return (self.log_uniform[0] * self.log_uniform[1]) ** 0.5
        assert self.uniform is not None
        return sum(self.uniform) / 2


class _NamedWeights(Section):
    """Initial weights that a sweep gives a name of its own."""

    checkpoints: dict[str, Checkpoint] = Field(
        {}, description="weights from files, by the name that `pretraining` calls them"
    )


def _section_of_kind(options: type[Section]) -> tuple[Any, Any]:
    """Type and default of a kind's section; null where it has keys that must be given."""
    if any(field.is_required() for field in options.model_fields.values()):
        return options | None, None
    return options, options()


_KIND_SECTIONS: dict[str, Any] = {
    name: _section_of_kind(kind.options) for name, kind in KINDS.items()
}
Weights = create_model(
    "Weights",
    __base__=_NamedWeights,
    __doc__="How the initial weights that arms name are found or made: a section a kind.",
    **_KIND_SECTIONS,
)


class Budget(Section):
    """How much is trained. `pretraining_epochs` is for each stage of initial weights."""

    trials: int = Field(ge=1, description="configurations that are tried")
    epochs: int = Field(ge=1, description="of a trial, unless it is stopped early")
    pretraining_epochs: int = Field(50, ge=1, description="of each stage of initial weights")
    hours: float | None = Field(
        None, gt=0, description="of this command; after them, --resume continues the run"
    )


class Cost(Section):
    """What a machine costs, for the column of costs in the table."""

    usd_per_hour: float = Field(gt=0, description="of one machine")


class Reference(Section):
    """One published row: the values of some of the sweep's factors, and scores."""

    arm: dict[str, Scalar] = Field(description="value by factor; factors may be missing")
    scores: dict[str, float] = Field(description="by metric, between 0 and 1")


class References(Section):
    """Published numbers that the ranking shows beside its own, marked as such."""

    source: str = Field(description="where the numbers were published")
    note: str = Field("", description="what a reader should know before comparing")
    rows: list[Reference] = Field(min_length=1, description="one for each published model")


class Scheduler(Section):
    """How trials are trained: from rung to rung, and only the better ones continue.

    asha: trials pause at epochs grace, grace·factor, grace·factor², …. The best 1/factor of those
    that have paused there continue; the others wait, and continue when later ones turn out to be
    worse.
    """

    name: Literal["asha", "none"] = Field("asha", description="none: every trial to its end")
    grace_epochs: int = Field(
        1,
        ge=1,
        description="epochs that every trial is trained; of a shorter arm, as large a share",
    )
    factor: int = Field(3, ge=2, description="one of so many continues")
    finish: int = Field(
        1,
        ge=0,
        description="how many trials of every arm are trained to their end, so that arms are "
        "compared at their best; 0: an arm may drop out",
    )


class Search(Section):
    """The virtual clock, in whose order the search decides: the same on any number of slots."""

    parallel: int = Field(
        16,
        ge=1,
        description="virtual slots. More slots than that stay idle; a smaller number lets each "
        "trial learn from more others",
    )


class Repeats(Section):
    """The best configurations, trained again under other seeds after the search."""

    top: int = Field(3, ge=1, description="number of arms, the best on validation")
    seeds: int = Field(3, ge=2, description="trainings of each")


class Screen(Section):
    """All arms as frozen probes first, of which the best are trained as the sweep says."""

    keep: int = Field(ge=1, description="number of arms that go on, the best on validation")
    trials: int = Field(1, ge=1, description="of each arm as a probe")


class Sampler(Section):
    """How values are proposed: Optuna's TPE, random sampling, or all combinations of choices."""

    name: Literal["tpe", "random", "grid"] = Field("tpe", description="grid needs choices alone")
    startup_trials: int = Field(10, ge=1, description="tpe: random trials before it uses its model")


class Resources(Section):
    """The slot of one trial. Without a GPU `gpu` is ignored, and the plan says so."""

    cpu: int = Field(
        1, ge=1, description="cores; where `gpu` is measured, its share of them, and not this"
    )
    gpu: float | None = Field(
        None,
        ge=0,
        le=1,
        description="a share of one GPU, which limits its memory; 0 trains on the CPU; auto (or "
        "null): measured for each arm before the trials, where there is a GPU",
    )

    mps: bool = Field(
        False,
        description="trials share a GPU by CUDA's Multi-Process Service, which is started for the "
        "sweep; on one machine",
    )

    @field_validator("gpu", mode="before")
    @classmethod
    def _read_auto(cls, gpu: Any) -> Any:
        return None if gpu == "auto" else gpu


def _all_typed(settings: Any) -> Any:
    if not isinstance(settings, dict):
        return settings
    return {name: typed(str(name), value) for name, value in settings.items()}


class Sweep(Section):
    """One sweep file."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        max_length=100,
        description="of the run directory under results/",
    )
    task: str = Field(description="detection, segmentation or classification")
    metric: str = Field(description="what trials are ranked by, on validation")
    metric_over: Literal["tiles", "scenes"] = Field(
        "tiles",
        description="scenes: on val and test, tiles are stitched over their overlap as `predict` "
        "does, and each pixel is counted once; of segmentation",
    )
    dataset: Dataset
    compare: dict[str, Choices] = Field(
        min_length=1, description="the factors: each combination of their choices is an arm"
    )
    tune: dict[str, Domain] = Field({}, description="what is searched within every arm")
    fixed: dict[str, Any] = Field({}, description="settings that all arms share")
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
    search: Search = Search()
    sampler: Sampler = Sampler()
    allocation: Literal["adaptive", "equal"] = Field(
        "adaptive",
        description="adaptive: each arm once, then the sampler chooses arms as well; "
        "equal: the same number of trials for every arm, each with its own search",
    )
    resources: Resources = Resources()
    retries: int = Field(
        3,
        ge=0,
        description="how often a trial, stage or scoring that has lost its worker goes on from its "
        "checkpoint; an epoch that it had not done before makes up for all",
    )
    stall_minutes: float | None = Field(
        30,
        gt=0,
        description="a worker that has not used the processor for so long hangs: it is ended, and "
        "its job tried again; null: never",
    )
    cluster: str | None = Field(
        None,
        description="the Ray cluster to join: the HOST:PORT of its head, or auto for the one of "
        "this machine; RAY_ADDRESS has priority; null: Ray is started on this machine",
    )
    deterministic: bool = Field(
        False,
        description="on a GPU, use algorithms that give the same numbers twice, where there are "
        "some: slower; operations without one are named in the ranking",
    )
    unavailable: Literal["error", "skip"] = Field(
        "error", description="for arms whose weights are not available"
    )
    screen: Screen | None = None
    repeats: Repeats | None = None
    cost: Cost | None = None
    references: References | None = None
    track: list[str] = Field(
        [], description="experiment trackers that follow the run: mlflow, wandb, trackio"
    )
    storage: str | None = Field(
        None,
        description="through which files go between nodes that share no disk: a folder, "
        "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or abfs://CONTAINER@ACCOUNT.…/PREFIX",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of the search, the stages and the trials")

    @field_validator("storage")
    @classmethod
    def _storage_address(cls, text: str | None) -> str | None:
        return None if text is None else storage_address(text)

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
    def whole_scenes(self) -> bool:
        """Whether metrics count the pixels of scenes, and not of tiles."""
        return self.metric_over == "scenes"

    @property
    def decoded(self) -> Dataset:
        """`dataset`, with every band where arms choose among them."""
        given = [settings for choices in self.variants.values() for settings in choices.values()]
        chosen = {*self.compare, *self.tune, *self.fixed, *(name for one in given for name in one)}
        if self.dataset.bands is None and "bands" in chosen:
            return self.dataset.model_copy(update={"bands": ALL_BANDS})
        return self.dataset

    @property
    def uses_sample(self) -> bool:
        """Whether the sweep runs on the embedded sample, because it names no data."""
        return self.dataset.root is None
