"""Run directories as tables: ``run.json``, trials, stages and ``test.json`` into pandas.

Every file is checked against the types below while it is parsed, so that the rest of the package
can trust what it reads. Keys that no type names (versions, command, budget, …) are kept in
``Run.info`` as they are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypeVar

import pandas as pd
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

T = TypeVar("T")


class AnalysisError(Exception):
    """One sentence for a person: a run that cannot be read, or a metric it does not have."""


class DataInfo(TypedDict):
    """The data set a sweep ran on."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    name: str


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


class _Trial(TypedDict):
    """``trial.json``."""

    number: int
    name: str
    arm: dict[str, Any]
    config: dict[str, Any]
    tuned: list[str]
    status: Literal["running", "done", "pruned", "diverged", "failed"]
    reason: str | None
    epochs: list[dict[str, float | None]]
    score: float | None
    best_epoch: int | None
    seconds: float
    device: NotRequired[str | None]


_INFO = TypeAdapter(RunInfo)
_TRIAL = TypeAdapter(_Trial)
_STAGES = TypeAdapter(list[Stage])
_TEST = TypeAdapter(dict[str, dict[str, float | None]])


@dataclass(frozen=True, eq=False)
class Run:
    """One run directory.

    Attributes:
        path: the directory.
        info: ``run.json``.
        trials: a row a trial, by number: ``number``, ``name``, ``arm`` (position in
            ``info["arms"]``), ``status``, ``reason``, ``score``, ``best_epoch``, ``epochs`` (how
            many it was trained), ``seconds``, ``device``, then ``arm/<factor>`` and
            ``config/<key>``. ``score`` is NaN where a trial has none.
        epochs: a row a trial and epoch, in order: ``number`` (the trial's), ``epoch`` (from 1; 0
            of a trial that is scored untrained), every metric of the run, then whatever else was
            logged (losses, lr, seconds).
        tuned: config keys that were searched in at least one trial.
        test: trial name → metric → score on the test split; empty until the search is over.
        stages: the initial weights that were trained for this run.
    """

    path: Path
    info: RunInfo
    trials: pd.DataFrame
    epochs: pd.DataFrame
    tuned: tuple[str, ...]
    test: dict[str, dict[str, float | None]]
    stages: tuple[Stage, ...]


def load(run: Path) -> Run:
    """Read a run directory; a sweep that is still running, or was interrupted, is read as it is.

    Raises:
        AnalysisError: no run directory there, or a file in it is damaged (named in the message).
    """
    if not run.is_dir():
        raise AnalysisError(f"There is no run directory {run}.")
    if not (run / "run.json").is_file():
        raise AnalysisError(
            f"{run} is not a run directory, for it holds no run.json; name one folder of results/."
        )
    info = _read(run / "run.json", _INFO)
    _check_info(info, run / "run.json")
    files = sorted(run.glob("trials/*/trial.json"))
    trials = [_read(file, _TRIAL) for file in files]
    table = _trial_table(trials, _arm_positions(trials, files, info), info)
    if table["number"].duplicated().any():
        twice = table.loc[table["number"].duplicated(keep=False), "name"]
        raise AnalysisError(f"{run} holds one trial number twice: {' and '.join(twice)}.")
    test, stages = run / "test.json", run / "stages.json"
    return Run(
        path=run,
        info=info,
        trials=table.sort_values("number", ignore_index=True),
        epochs=_epoch_table(trials, info["metrics"]),
        tuned=tuple(dict.fromkeys(key for trial in trials for key in trial["tuned"])),
        test=_read(test, _TEST) if test.exists() else {},
        stages=_read_stages(stages, info) if stages.exists() else (),
    )


def arm_label(info: RunInfo, arm: dict[str, Any]) -> str:
    """How the sweep calls an arm in the names of its trials: its values, joined."""
    return "-".join(str(arm[factor]).replace("/", "_") for factor in info["factors"])


def _read(file: Path, shape: TypeAdapter[T]) -> T:
    try:
        return shape.validate_json(file.read_bytes())
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise AnalysisError(
            f"{file} is damaged ({problem}); restore it, or move its folder elsewhere."
        ) from error


def _check_info(info: RunInfo, file: Path) -> None:
    if info["metric"] not in info["metrics"]:
        raise AnalysisError(f"{file} ranks by {info['metric']}, which its metrics do not list.")
    for arm in info["arms"]:
        if missing := [factor for factor in info["factors"] if factor not in arm]:
            raise AnalysisError(f"{file} lists an arm without {', '.join(missing)}: {arm}.")
    if info.get("cost") and "per_machine" not in info.get("slots", {}):
        raise AnalysisError(f"{file} gives a cost, but no slots.per_machine to share it among.")
    for row in (info.get("references") or {"rows": []})["rows"]:
        if unknown := [factor for factor in row["arm"] if factor not in info["factors"]]:
            raise AnalysisError(
                f"{file} has a reference row with {', '.join(unknown)}, which is no factor of it."
            )


def _read_stages(file: Path, info: RunInfo) -> tuple[Stage, ...]:
    stages = _read(file, _STAGES)
    labels = {arm_label(info, arm) for arm in info["arms"]}
    for stage in stages:
        if unknown := [label for label in stage["arms"] if label not in labels]:
            raise AnalysisError(
                f"{file} says that {stage['name']} is for {', '.join(unknown)}, which is no arm of "
                "run.json."
            )
    return tuple(stages)


def _arm_positions(trials: list[_Trial], files: list[Path], info: RunInfo) -> list[int]:
    # Factor values may be lists, which no dict takes as keys: their repr stands for them.
    def key(arm: dict[str, Any]) -> str:
        return repr([arm.get(factor) for factor in info["factors"]])

    positions = {key(arm): position for position, arm in enumerate(info["arms"])}
    for trial, file in zip(trials, files, strict=True):
        if key(trial["arm"]) not in positions:
            raise AnalysisError(f"{file} is of an arm that run.json does not list: {trial['arm']}.")
    return [positions[key(trial["arm"])] for trial in trials]


def _trial_table(trials: list[_Trial], arms: list[int], info: RunInfo) -> pd.DataFrame:
    own = pd.DataFrame(
        {
            "number": pd.Series([trial["number"] for trial in trials], dtype="int64"),
            "name": pd.Series([trial["name"] for trial in trials], dtype="str"),
            "arm": pd.Series(arms, dtype="int64"),
            "status": pd.Series([trial["status"] for trial in trials], dtype="str"),
            "reason": pd.Series([trial["reason"] for trial in trials], dtype="str"),
            "score": pd.Series([trial["score"] for trial in trials], dtype="float64"),
            "best_epoch": pd.Series([trial["best_epoch"] for trial in trials], dtype="Int64"),
            "epochs": pd.Series([_trained(trial) for trial in trials], dtype="int64"),
            "seconds": pd.Series([trial["seconds"] for trial in trials], dtype="float64"),
            "device": pd.Series([trial.get("device") for trial in trials], dtype="str"),
        }
    )
    factors = pd.DataFrame(info["arms"], columns=info["factors"]).add_prefix("arm/")
    config = pd.DataFrame([trial["config"] for trial in trials]).add_prefix("config/")
    return pd.concat([own, factors.take(arms).reset_index(drop=True), config], axis="columns")


def _trained(trial: _Trial) -> int:
    # What is scored untrained has one row, of epoch 0.
    return sum(epoch.get("epoch") != 0 for epoch in trial["epochs"])


def _epoch_table(trials: list[_Trial], metrics: list[str]) -> pd.DataFrame:
    trials = sorted(trials, key=lambda trial: trial["number"])
    rows = pd.DataFrame([epoch for trial in trials for epoch in trial["epochs"]])
    logged = [key for key in rows if key not in {"epoch", *metrics}]
    # A metric that no epoch has is a column of NaN, so that nobody has to ask.
    rows = rows.reindex(columns=["epoch", *metrics, *logged]).astype("float64")
    rows["epoch"] = rows["epoch"].astype("int64")
    numbers = [trial["number"] for trial in trials for _ in trial["epochs"]]
    rows.insert(0, "number", pd.Series(numbers, dtype="int64"))
    return rows
