"""A run directory as tables: trials, their epochs and their repeats in pandas."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from runs.arms import Arm
from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.records import Latency, RunRecord, Scores, StageRecord, TrialRecord

P = ParamSpec("P")
T = TypeVar("T")


class AnalysisError(EosweepError):
    """What was asked of a run and has no answer, and why."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run directory.

    Attributes:
        directory: where its files lie.
        record: `run.json`.
        trials: a row a trial, by number: `number`, `name`, `arm` (position in `record.arms`),
            `status`, `reason`, `retries` (how often it was resumed after its worker was lost),
            `gpu` (the share of one that it was given when its slot's memory was too small),
            `rejoined` (it had failed, and was tried again by `--retry-failed`), `score`,
            `best_epoch`, `epochs` (how many it was trained),
            `reached` (the share of its epochs that it was trained, 1 of a finished one),
            `seconds`, `device`, `undetermined` (operations that a GPU does not compute the same
            twice, though asked to), `parameters` (of its model), then `arm/<factor>` and
            `config/<key>`. `score` is NaN where a trial has none.
        repeats: a row a configuration that was trained again under another seed, by arm and seed:
            the columns of `trials`, `of` (name of the trial that it repeats) and `seed`. Empty
            unless the sweep asked for repeats and its search has ended.
        epochs: a row a trial and epoch, in order: `number` (the trial's), `epoch` (from 1; 0 of a
            trial that is scored untrained), every metric of the run, then whatever else was
            logged (losses, lr, seconds, the unix `time` when it ended).
        repeat_epochs: the same of the repeats.
        tuned: config keys that were searched in at least one trial; one choice is no search.
        test: name of a trial or repeat → metric → score on the test split; empty until the search
            has ended.
        tested: the records of those that are in `test`, by name.
        latencies: how fast the best trial of each arm is, by name; empty until all are scored.
        stages: the initial weights that were trained for this run.
        stopped: positions in `record.arms` of the arms that were stopped by hand.
    """

    directory: RunDirectory
    record: RunRecord
    trials: pd.DataFrame
    repeats: pd.DataFrame
    epochs: pd.DataFrame
    repeat_epochs: pd.DataFrame
    tuned: tuple[str, ...]
    test: dict[str, Scores]
    tested: dict[str, TrialRecord]
    latencies: dict[str, Latency]
    stages: tuple[StageRecord, ...]
    stopped: frozenset[int]

    @property
    def path(self) -> Path:
        """The directory."""
        return self.directory.path


def once_a_run(
    compute: Callable[Concatenate[Run, P], T],
) -> Callable[Concatenate[Run, P], T]:
    """Compute it once for as long as a run is held: tables and figures ask for the same.

    Arguments are hashable. What is computed must not refer to the run, which otherwise would never
    be freed.
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
        RunDirectoryError: there is no run directory, or a file in it cannot be used.
        AnalysisError: its files do not fit together.
    """
    directory = RunDirectory(run)
    record, trials, repeats = directory.run(), directory.trials(), directory.repeats()
    positions = {arm: position for position, arm in enumerate(record.arms)}
    table = _trial_table(run, trials, positions, record)
    test = directory.test().scores
    return Run(
        directory=directory,
        record=record,
        trials=table,
        repeats=_repeat_table(run, repeats, table, _trial_table(run, repeats, positions, record)),
        epochs=_epoch_table(trials, record.metrics),
        repeat_epochs=_epoch_table(repeats, record.metrics),
        tuned=_tuned(record, trials),
        test=test,
        tested={one.name: one for one in (*trials, *repeats) if one.name in test},
        latencies=directory.latency().models,
        stages=_known_stages(run, directory.stages(), positions),
        stopped=frozenset(positions[one.arm] for one in directory.stops() if one.until is None),
    )


def _tuned(record: RunRecord, trials: Sequence[TrialRecord]) -> tuple[str, ...]:
    keys = dict.fromkeys(key for trial in trials for key in trial.tuned)
    return tuple(key for key in keys if key not in record.tune or record.tune[key].searched)


def _known_stages(
    run: Path, stages: tuple[StageRecord, ...], positions: dict[Arm, int]
) -> tuple[StageRecord, ...]:
    for stage in stages:
        if unknown := [arm.title for arm in stage.arms if arm not in positions]:
            raise AnalysisError(
                f"{run}: stages.json says that {stage.name} is for {', '.join(unknown)}, which "
                "run.json does not list"
            )
    return stages


def _trial_table(
    run: Path, trials: Sequence[TrialRecord], positions: dict[Arm, int], record: RunRecord
) -> pd.DataFrame:
    for trial in trials:
        if trial.arm not in positions:
            raise AnalysisError(
                f"{run}: {trial.name} is of an arm that run.json does not list: {trial.arm.title}"
            )
    arms = [positions[trial.arm] for trial in trials]
    own = pd.DataFrame(
        {
            "number": pd.Series([trial.number for trial in trials], dtype="int64"),
            "name": pd.Series([trial.name for trial in trials], dtype="str"),
            "arm": pd.Series(arms, dtype="int64"),
            "status": pd.Series([trial.status for trial in trials], dtype="str"),
            "reason": pd.Series([trial.reason for trial in trials], dtype="str"),
            "retries": pd.Series([trial.retries for trial in trials], dtype="int64"),
            "gpu": pd.Series([trial.gpu for trial in trials], dtype="float64"),
            "slots": pd.Series([record.slots.of(trial.gpu) for trial in trials], dtype="float64"),
            "out_of_memory": pd.Series([trial.out_of_memory for trial in trials], dtype="int64"),
            "halved": pd.Series([trial.halved for trial in trials], dtype="int64"),
            "normalised": pd.Series([", ".join(trial.normalised) for trial in trials], dtype="str"),
            "rejoined": pd.Series(
                [trial.failed_with is not None for trial in trials], dtype="bool"
            ),
            "score": pd.Series([trial.score for trial in trials], dtype="float64"),
            "best_epoch": pd.Series([trial.best_epoch for trial in trials], dtype="Int64"),
            "epochs": pd.Series([_trained(trial) for trial in trials], dtype="int64"),
            "reached": pd.Series([trial.reached for trial in trials], dtype="float64"),
            "seconds": pd.Series([trial.seconds for trial in trials], dtype="float64"),
            "device": pd.Series([trial.device for trial in trials], dtype="str"),
            "undetermined": pd.Series(
                [" ".join(trial.undetermined) for trial in trials], dtype="str"
            ),
            "parameters": pd.Series([trial.parameters for trial in trials], dtype="Int64"),
        }
    )
    factors = pd.DataFrame(map(dict, record.arms), columns=record.factors).add_prefix("arm/")
    config = pd.DataFrame([trial.config for trial in trials]).add_prefix("config/")
    return pd.concat([own, factors.take(arms).reset_index(drop=True), config], axis="columns")


def _repeat_table(
    run: Path, repeats: Sequence[TrialRecord], trials: pd.DataFrame, table: pd.DataFrame
) -> pd.DataFrame:
    names = set(trials["name"])
    for repeat in repeats:
        if repeat.of not in names:
            raise AnalysisError(f"{run}: {repeat.name} repeats {repeat.of}, which is not a trial")
    table = table.reindex(columns=trials.columns).assign(
        of=pd.Series([repeat.of for repeat in repeats], dtype="str"),
        seed=pd.Series([repeat.config["seed"] for repeat in repeats], dtype="int64"),
    )
    return table.sort_values(["arm", "seed"], ignore_index=True)


def _trained(trial: TrialRecord) -> int:
    # What is scored untrained has one row, of epoch 0.
    return int(np.count_nonzero(trial.epochs.column("epoch")))


def _epoch_table(trials: Sequence[TrialRecord], metrics: Sequence[str]) -> pd.DataFrame:
    curves = [trial.epochs for trial in trials]
    # A metric that no epoch has is a column of NaN, so that every metric has a column.
    keys = dict.fromkeys(chain(["epoch"], metrics, *(curve.keys for curve in curves)))
    position = {key: row for row, key in enumerate(keys)}
    lengths = [len(curve) for curve in curves]
    values = np.full((len(keys), sum(lengths)), np.nan)
    for curve, end in zip(curves, np.cumsum(lengths), strict=True):
        rows = [position[key] for key in curve.keys]
        values[rows, end - len(curve) : end] = curve.values.T
    table = pd.DataFrame(values.T, columns=list(keys), copy=False).astype({"epoch": "int64"})
    numbers = pd.Series([trial.number for trial in trials], dtype="int64")
    table.insert(0, "number", numbers.repeat(lengths).to_numpy())
    return table
