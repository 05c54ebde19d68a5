"""Run directories as tables: trials, their epochs and their repeats into pandas."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from analysis.records import AnalysisError, Repeat, RunInfo, Stage, Trial, read

P = ParamSpec("P")
T = TypeVar("T")

_INFO = TypeAdapter(RunInfo)
_TRIAL = TypeAdapter(Trial)
_REPEAT = TypeAdapter(Repeat)
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
            many it was trained), ``seconds``, ``device``, ``parameters`` (of its model; NA where
            it is not known), then ``arm/<factor>`` and ``config/<key>``. ``score`` is NaN where a
            trial has none.
        repeats: a row a configuration that was trained again under another seed, by arm and seed:
            the columns of ``trials``, ``of`` (name of the trial it repeats) and ``seed``. Empty
            unless the sweep asked for repeats and its search is over.
        epochs: a row a trial and epoch, in order: ``number`` (the trial's), ``epoch`` (from 1; 0
            of a trial that is scored untrained), every metric of the run, then whatever else was
            logged (losses, lr, seconds, the unix ``time`` when it ended).
        tuned: config keys that were searched in at least one trial.
        test: name of a trial or repeat → metric → score on the test split, and ``latency_ms``
            (median milliseconds of an image alone); empty until the search is over.
        stages: the initial weights that were trained for this run.
    """

    path: Path
    info: RunInfo
    trials: pd.DataFrame
    repeats: pd.DataFrame
    epochs: pd.DataFrame
    tuned: tuple[str, ...]
    test: dict[str, dict[str, float | None]]
    stages: tuple[Stage, ...]


def once_a_run(
    compute: Callable[Concatenate[Run, P], T],
) -> Callable[Concatenate[Run, P], T]:
    """Compute it once for as long as a run is held: tables and figures ask for the same.

    Of the same run with the same arguments, which are hashable. What is computed must not hold the
    run, which else would be held for ever.
    """
    known: WeakKeyDictionary[Run, dict[Hashable, T]] = WeakKeyDictionary()

    @wraps(compute)
    def recalled(run: Run, *args: P.args, **kwargs: P.kwargs) -> T:
        of_run, given = known.setdefault(run, {}), (args, frozenset(kwargs.items()))
        if given not in of_run:
            of_run[given] = compute(run, *args, **kwargs)
        return of_run[given]

    return recalled


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
    info = read(run / "run.json", _INFO)
    _check_info(info, run / "run.json")
    files = sorted(run.glob("trials/*/trial.json"))
    trials = [read(file, _TRIAL) for file in files]
    table = _trial_table(trials, _arm_positions(trials, files, info), info)
    if table["number"].duplicated().any():
        twice = table.loc[table["number"].duplicated(keep=False), "name"]
        raise AnalysisError(f"{run} holds one trial number twice: {' and '.join(twice)}.")
    table = table.sort_values("number", ignore_index=True)
    test, stages = run / "test.json", run / "stages.json"
    return Run(
        path=run,
        info=info,
        trials=table,
        repeats=_read_repeats(run, table, info),
        epochs=_epoch_table(trials, info["metrics"]),
        tuned=tuple(dict.fromkeys(key for trial in trials for key in trial["tuned"])),
        test=read(test, _TEST) if test.exists() else {},
        stages=_read_stages(stages, info) if stages.exists() else (),
    )


def arm_label(info: RunInfo, arm: dict[str, Any]) -> str:
    """How the sweep calls an arm in the names of its trials: its values, joined."""
    return "-".join(str(arm[factor]).replace("/", "_") for factor in info["factors"])


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
    stages = read(file, _STAGES)
    labels = {arm_label(info, arm) for arm in info["arms"]}
    for stage in stages:
        if unknown := [label for label in stage["arms"] if label not in labels]:
            raise AnalysisError(
                f"{file} says that {stage['name']} is for {', '.join(unknown)}, which is no arm of "
                "run.json."
            )
    return tuple(stages)


def _read_repeats(run: Path, trials: pd.DataFrame, info: RunInfo) -> pd.DataFrame:
    files = sorted(run.glob("repeats/*/trial.json"))
    repeats = [read(file, _REPEAT) for file in files]
    names = set(trials["name"])
    for repeat, file in zip(repeats, files, strict=True):
        if repeat["of"] not in names:
            raise AnalysisError(f"{file} repeats {repeat['of']}, which is no trial of the run.")
        if not isinstance(repeat["config"].get("seed"), int):
            raise AnalysisError(f"{file} is a repeat whose config has no seed.")
    table = _trial_table(repeats, _arm_positions(repeats, files, info), info)
    table = table.reindex(columns=trials.columns).assign(
        of=pd.Series([repeat["of"] for repeat in repeats], dtype="str"),
        seed=pd.Series([repeat["config"]["seed"] for repeat in repeats], dtype="int64"),
    )
    return table.sort_values(["arm", "seed"], ignore_index=True)


def _arm_positions(trials: Sequence[Trial], files: list[Path], info: RunInfo) -> list[int]:
    # Factor values may be lists, which no dict takes as keys: their repr stands for them.
    def key(arm: dict[str, Any]) -> str:
        return repr([arm.get(factor) for factor in info["factors"]])

    positions = {key(arm): position for position, arm in enumerate(info["arms"])}
    for trial, file in zip(trials, files, strict=True):
        if key(trial["arm"]) not in positions:
            raise AnalysisError(f"{file} is of an arm that run.json does not list: {trial['arm']}.")
    return [positions[key(trial["arm"])] for trial in trials]


def _trial_table(trials: Sequence[Trial], arms: list[int], info: RunInfo) -> pd.DataFrame:
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
            "parameters": pd.Series([trial.get("parameters") for trial in trials], dtype="Int64"),
        }
    )
    factors = pd.DataFrame(info["arms"], columns=info["factors"]).add_prefix("arm/")
    config = pd.DataFrame([trial["config"] for trial in trials]).add_prefix("config/")
    return pd.concat([own, factors.take(arms).reset_index(drop=True), config], axis="columns")


def _trained(trial: Trial) -> int:
    # What is scored untrained has one row, of epoch 0.
    return int(np.count_nonzero(trial["epochs"].values[:, 0]))


def _epoch_table(trials: list[Trial], metrics: list[str]) -> pd.DataFrame:
    trials = sorted(trials, key=lambda trial: trial["number"])
    curves = [trial["epochs"] for trial in trials]
    # A metric that no epoch has is a column of NaN, so that nobody has to ask.
    keys = dict.fromkeys(chain(["epoch"], metrics, *(curve.keys for curve in curves)))
    position = {key: place for place, key in enumerate(keys)}
    lengths = [len(curve.values) for curve in curves]
    values = np.full((len(keys), sum(lengths)), np.nan)
    for curve, end in zip(curves, np.cumsum(lengths), strict=True):
        places = [position[key] for key in curve.keys]
        values[places, end - len(curve.values) : end] = curve.values.T
    rows = pd.DataFrame(values.T, columns=list(keys), copy=False).astype({"epoch": "int64"})
    numbers = pd.Series([trial["number"] for trial in trials], dtype="int64")
    rows.insert(0, "number", numbers.repeat(lengths).to_numpy())
    return rows
