"""The types of what charts show. Positions are indices into the tuples of `Charts`."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from analysis.statistics.pareto import Cost


@dataclass(frozen=True)
class ArmShown:
    """An arm, and what it is recognised by.

    Attributes:
        run: position of its run.
        title: as a sentence has it; of several runs, with the run's name.
        levels: its value of each factor; of several runs, with the `sweep`.
        colour, marker, dashes: those of its look in the figures; no dashes: a line.
    """

    run: int
    title: str
    levels: dict[str, str]
    colour: str
    marker: str
    dashes: tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """An arm by one metric, as the ranking by it has it; None where a value is not known.

    Attributes:
        best, mean: on validation, of its first trial and over its repeats.
        test, std, seeds: on test, with the deviation over so many seeds.
        low, high: bounds of `test`.
        tied: whether it cannot be distinguished from the first arm.
        each: on test, of each seed.
    """

    best: float | None
    mean: float | None
    test: float | None
    std: float | None
    seeds: int | None
    low: float | None
    high: float | None
    tied: bool | None
    each: tuple[float, ...]


@dataclass(frozen=True)
class Point:
    """An arm by score and cost; `front`: no other arm dominates it."""

    arm: int
    cost: float
    score: float
    deviation: float | None
    low: float | None
    high: float | None
    front: bool


@dataclass(frozen=True)
class Axis:
    """A hyperparameter that was searched: its scale, and its choices if it has any."""

    name: str
    log: bool
    choices: tuple[str, ...] | None


@dataclass(frozen=True)
class Training:
    """A trial, or a repeat of one (which has a `seed`).

    Attributes:
        number: of the trial, or of the one that is repeated.
        first: whether its arm stands for it.
        reached: the share of its epochs that it was trained.
        values: of what was searched.
        scores: on validation by metric, at its best epoch by each; of a repeat, none.
    """

    arm: int
    number: int
    name: str
    status: str
    seed: int | None
    first: bool
    reached: float
    values: dict[str, float | str | None]
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Curve:
    """What was logged after each epoch of a training, by column."""

    training: int
    epochs: tuple[int, ...]
    values: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class Span:
    """A stretch in which a training held a slot, in seconds since the first epoch began."""

    training: int
    lane: int
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """What ran when in which slot of one run, trials and repeats; `resumed`: after a stop."""

    run: int
    slots: int
    seconds: float
    resumed: tuple[float, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Charts:
    """All that the charts of a page show.

    Attributes:
        runs: their names.
        metrics: those that can be chosen; the first one is that of the ranking.
        split: what the scores of `points` are on.
        factors: what arms are told apart by.
        arms: in the order of the ranking.
        scores: by metric, one an arm.
        costs: what each kind of cost is, in words.
        points: by metric and cost.
        axes: what was searched.
        trainings: of each run its trials, then its repeats.
        curves: of the first of them, as many as the page has room for.
        timelines: of the runs that say when their epochs ended.
    """

    runs: tuple[str, ...]
    metrics: tuple[str, ...]
    split: str
    factors: tuple[str, ...]
    arms: tuple[ArmShown, ...]
    scores: dict[str, tuple[Score, ...]]
    costs: dict[Cost, str]
    points: dict[str, dict[Cost, tuple[Point, ...]]]
    axes: tuple[Axis, ...]
    trainings: tuple[Training, ...]
    curves: tuple[Curve, ...]
    timelines: tuple[Timeline, ...]


@dataclass(frozen=True)
class PageData:
    """What the scripts of a page read: charts, and files that can be saved, text by name."""

    charts: Charts
    files: dict[str, str]


def as_json(data: PageData) -> str:
    """The text of a `script` element of a page."""
    return TypeAdapter(PageData).dump_json(data).decode().replace("<", "\\u003c")


def known(value: Any) -> Any:
    """A cell of a data frame; None where it is empty."""
    return None if value is None or pd.isna(value) else value
