"""What the files of a run directory hold, checked against these types while they are parsed.

So the rest of the package can trust what it reads. Keys that no type names are kept in ``run.json``
(lag, weights, …) and left out elsewhere; runs of older versions lack some that are ``NotRequired``.
"""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from deploy.faults import first_fault

T = TypeVar("T")


class AnalysisError(Exception):
    """One sentence for a person: a run that cannot be read, or a metric it does not have."""


class DataInfo(TypedDict):
    """The data set a sweep ran on, and what a model must know of it to be shown or used.

    ``rgb``: the positions in ``bands`` that make a picture. ``image_size``: pixels a side that a
    model sees, made of ``window``, the median (height, width) in file pixels of a training image.
    ``stretch``: the stored values, two lists by band, that became 0 and 1; ``mean`` and ``std`` by
    band are of the values after it. By class id 0…K, in the training split, and empty without
    masks: ``class_pixels``, the pixels of a class, and ``class_areas``, the pixels of the images
    that hold it. ``cache``: folder of the decoded images. ``root``: where the files lay; None of
    a sample.
    """

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    name: str
    fingerprint: NotRequired[str]
    counts: NotRequired[dict[str, int]]
    classes: NotRequired[list[str]]
    labels: NotRequired[list[str]]
    skipped_files: NotRequired[list[tuple[str, str]]]
    bands: NotRequired[list[str]]
    rgb: NotRequired[tuple[int, int, int] | None]
    image_size: NotRequired[int]
    window: NotRequired[tuple[int, int]]
    dtype: NotRequired[str]
    stretch: NotRequired[tuple[list[float], list[float]] | None]
    mean: NotRequired[list[float]]
    std: NotRequired[list[float]]
    class_pixels: NotRequired[list[int]]
    class_areas: NotRequired[list[int]]
    cache: NotRequired[str]
    root: NotRequired[str | None]


class Budget(TypedDict):
    """What the search was to spend: trials, and at most so many epochs in one."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    trials: NotRequired[int]
    epochs: NotRequired[int]


class Repeats(TypedDict):
    """How many of the best arms were trained again, and under how many seeds each."""

    top: Annotated[int, Field(gt=0)]
    seeds: Annotated[int, Field(gt=0)]


class SkippedArm(TypedDict):
    """An arm that the plan left out, and why."""

    arm: dict[str, Any]
    reason: str


class Cost(TypedDict):
    """What a machine costs."""

    usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Slots(TypedDict):
    """What a trial held: one slot of ``per_machine`` on each machine."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    count: NotRequired[int]
    per_machine: NotRequired[Annotated[int, Field(gt=0)]]


class Reference(TypedDict):
    """One published row: the values of some factors, and scores."""

    arm: dict[str, Any]
    scores: dict[str, float | None]


class References(TypedDict):
    """Published scores that are shown beside ours."""

    source: str
    note: str
    rows: list[Reference]


class RunInfo(TypedDict):
    """``run.json``; every metric is higher-is-better, and trials are chosen by ``metric``.

    A metric of one class is called ``metric/class``, one over all classes has no slash.
    """

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    name: str
    metric: str
    metrics: list[str]
    sample: bool
    seed: int
    factors: list[str]
    arms: list[dict[str, Any]]
    skipped: list[SkippedArm]
    data: DataInfo
    task: NotRequired[str]
    budget: NotRequired[Budget]
    repeats: NotRequired[Repeats | None]
    started: NotRequired[str]
    resumed: NotRequired[list[str]]
    command: NotRequired[str]
    versions: NotRequired[dict[str, str]]
    git: NotRequired[str | None]
    cost: NotRequired[Cost | None]
    slots: NotRequired[Slots]
    references: NotRequired[References | None]


class Stage(TypedDict):
    """Initial weights that were trained: an entry of ``stages.json``.

    ``arms`` holds the labels (see ``arm_label``) of the arms that start from them.
    """

    name: str
    kind: str
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    device: str | None
    arms: list[str]


@dataclass(frozen=True, eq=False)
class Curve:
    """What a trial logged.

    Attributes:
        keys: ``epoch`` (from 1; 0 of a trial that is scored untrained), then the others in the
            order in which they first come.
        values: float64 ``[epochs, keys]``; NaN where an epoch lacks a key, or has null there.
    """

    keys: tuple[str, ...]
    values: NDArray[np.float64]


def _curve(epochs: list[dict[str, float | None]]) -> Curve:
    layouts = dict.fromkeys(map(tuple, epochs))
    keys = tuple(dict.fromkeys(chain(["epoch"], *layouts)))
    if list(layouts) != [keys]:  # a metric that was not finite is not on record
        blank: dict[str, float | None] = dict.fromkeys(keys)
        epochs = [blank | epoch for epoch in epochs]
    rows = [list(epoch.values()) for epoch in epochs]
    values = np.array(rows, dtype="float64").reshape(len(rows), len(keys))
    if np.isnan(values[:, 0]).any():
        raise PydanticCustomError("epoch", "one of them has no number")
    return Curve(keys, values)


def _curve_schema(_curve_type: type, handler: GetCoreSchemaHandler) -> CoreSchema:
    # As an array at once: the dicts of a large sweep's epochs would fill gigabytes.
    rows = handler.generate_schema(list[dict[str, float | None]])
    return no_info_after_validator_function(_curve, rows)


class Trial(TypedDict):
    """``trial.json``, and the table of its ``epochs``."""

    number: int
    name: str
    arm: dict[str, Any]
    config: dict[str, Any]
    tuned: list[str]
    status: Literal["running", "done", "pruned", "diverged", "failed"]
    reason: str | None
    epochs: Annotated[Curve, GetPydanticSchema(_curve_schema)]
    score: float | None
    best_epoch: int | None
    seconds: float
    device: NotRequired[str | None]
    parameters: NotRequired[int | None]


class Repeat(Trial):
    """``trial.json`` of a repeat; ``of`` is the name of the trial whose configuration it has."""

    of: str


def read(file: Path, shape: TypeAdapter[T]) -> T:
    """What a JSON file holds.

    Raises:
        AnalysisError: it cannot be read, or is not of this shape; the message names it.
    """
    try:
        return shape.validate_json(file.read_bytes())
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise AnalysisError(
            f"{file} is damaged ({first_fault(error)}); restore it, or move its folder elsewhere."
        ) from error
