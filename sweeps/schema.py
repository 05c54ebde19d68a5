"""The sweep file: every key, its type, its default and what it means.

Three groups of hyperparameters, in the words of the Deep Learning Tuning Playbook (Godbole et al.
2023): `compare` holds the scientific ones (each combination is an arm, a row of the table),
`tune` the nuisance ones (searched within every arm, so that arms are compared at their best), and
`fixed` the rest. All three take the keys of `Settings`, the options of the heads
(`models.heads`) and weights of loss terms. If a factor of `compare` stands for several
settings at once, `variants` has the settings of each choice.
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

from datasets.options import Dataset
from models.heads import HEAD_OPTIONS
from models.heads.options import LOSS_PREFIX
from models.pretraining import KINDS
from models.pretraining.options import Checkpoint
from runs.arms import Scalar
from runs.sections import Section


def _distinct(values: list[Scalar]) -> list[Scalar]:
    if not values:
        raise ValueError("the list of choices is empty")
    if len(set(map(repr, values))) < len(values):
        raise ValueError("a choice is listed twice")
    return values


Choices = Annotated[list[Scalar], AfterValidator(_distinct)]


class Settings(Section):
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
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="sgd has momentum 0.9")
    weight_decay: float = Field(0.05, ge=0, description="of all but norms and biases")
    batch_size: int = Field(8, ge=1, description="images a step")
    warmup_epochs: float = Field(0.5, ge=0, description="linear rise of the learning rate")
    clip_norm: float = Field(5.0, gt=0, description="largest norm of the gradient")
    augment: bool = Field(True, description="rotate and flip training images at random")


if clash := Settings.model_fields.keys() & HEAD_OPTIONS.keys():
    raise TypeError(f"a head has an option that is the name of a setting: {', '.join(clash)}")


def is_setting(name: str) -> bool:
    """Whether `name` can be a key of `compare`, `tune` or `fixed`."""
    return name in Settings.model_fields or name in HEAD_OPTIONS or name.startswith(LOSS_PREFIX)


def setting_adapter(name: str) -> TypeAdapter[Any]:
    """What checks and converts a value of the setting `name`. KeyError: there is no such one."""
    field = HEAD_OPTIONS.get(name) or Settings.model_fields[name]
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


class Sampler(Section):
    """How values are proposed: Optuna's TPE, random sampling, or all combinations of choices."""

    name: Literal["tpe", "random", "grid"] = Field("tpe", description="grid needs choices alone")
    startup_trials: int = Field(10, ge=1, description="tpe: random trials before it uses its model")


class Resources(Section):
    """The slot of one trial. Without a GPU `gpu` is ignored, and the plan says so."""

    cpu: int = Field(1, ge=1, description="cores")
    gpu: float = Field(0, ge=0, le=1, description="a share of one GPU, which limits its memory")


def _all_typed(settings: Any) -> Any:
    if not isinstance(settings, dict):
        return settings
    return {name: typed(str(name), value) for name, value in settings.items()}


class Sweep(Section):
    """One sweep file."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="of the run directory under results/"
    )
    task: str = Field(description="detection or segmentation")
    metric: str = Field(description="what trials are ranked by, on validation")
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
    unavailable: Literal["error", "skip"] = Field(
        "error", description="for arms whose weights are not available"
    )
    repeats: Repeats | None = None
    cost: Cost | None = None
    references: References | None = None
    track: list[str] = Field(
        [], description="experiment trackers that follow the run: mlflow, wandb, trackio"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of the search, the stages and the trials")

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
