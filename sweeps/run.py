"""A run on Ray: makes initial weights, trains and repeats trials, and scores the best on test."""

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import ray
from ray import tune

from models.pretraining.stage import Stage
from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.records import StageRecord, TestRecord, TrialRecord
from sweeps.follow import Follow, View
from sweeps.ledger import Ledger
from sweeps.plan import Plan
from sweeps.pruning import PruneInOrder
from sweeps.repeats import InTurn, open_repeats
from sweeps.search import SearchInOrder
from sweeps.space import Config, arm_of, trial_name
from sweeps.stages import train_stage
from sweeps.trial import TrialContext, run_trial, score_on_test


def run_plan(plan: Plan, ledger: Ledger, repeats: Ledger, view: View) -> None:
    """Make the stages, run the trials, repeat the best, score on test. Ray must have started.

    Raises:
        RunError: initial weights could not be made, or a trial could not be scored on test.
        OutOfTimeError: `budget.hours` are over; everything that was done is on record.
        KeyboardInterrupt: interrupted by the user; everything that was done is on record.
    """
    hours = plan.sweep.budget.hours
    deadline = None if hours is None else time.time() + hours * 3600
    make_stages(plan.missing, plan, view, deadline)
    record_stages(plan)
    run_trials(plan, ledger, view, deadline)
    if plan.sweep.repeats:
        run_repeats(plan, ledger, repeats, view, deadline)
    score_on_test_split(plan, ledger, repeats, view)


class RunError(EosweepError):
    """The run cannot continue; the message says what failed."""


class OutOfTimeError(EosweepError):
    """The sweep's `budget.hours` are over; `--resume` continues the run."""


def make_stages(
    missing: list[Stage], plan: Plan, view: View, deadline: float | None = None
) -> None:
    """Train the `missing` stages in parallel on the slots, parents before children.

    Raises:
        RunError: a stage failed; the message names it and the reason.
        OutOfTimeError: the deadline has passed; unfinished stages will be resumed.
    """
    remote = ray.remote(train_stage).options(
        num_cpus=plan.slots.cpu, num_gpus=plan.slots.gpu, num_returns="streaming"
    )
    epochs = plan.sweep.budget.pretraining_epochs
    waiting = {stage.key: stage for stage in missing}
    running: dict[Any, Stage] = {}
    spent: dict[str, float] = {}
    out_of_time = False
    while running or (waiting and not out_of_time):
        for stage in list(waiting.values()) if not out_of_time else ():
            unmade = waiting.keys() | {stage.key for stage in running.values()}
            if stage.parent is None or stage.parent.key not in unmade:
                begun = remote.remote(stage, epochs, plan.cache, plan.slots, deadline)
                running[begun] = stage
                del waiting[stage.key]
        (ready,), _ = ray.wait(list(running), num_returns=1)
        stage = running[ready]
        try:
            epoch = ray.get(next(ready))
        except StopIteration:
            del running[ready]
            if made := stage.stored(plan.cache) is not None:
                view.stage_done(stage.name, spent.get(stage.key, 0.0))
            late = deadline is not None and time.time() > deadline
            out_of_time = out_of_time or late or not made
        except ray.exceptions.RayError as error:
            raise RunError(f"{stage.name} could not be made: {reason_in(error)}") from None
        else:
            if epoch["epoch"] == 0:
                view.stage_started(stage.name)
                continue
            spent[stage.key] = spent.get(stage.key, 0.0) + epoch["seconds"]
            view.stage_epoch(stage.name, int(epoch["epoch"]), epochs, epoch["loss"])
    if out_of_time:
        raise OutOfTimeError


def reason_in(error: ray.exceptions.RayError) -> str:
    """The first line of the error in a worker."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return str(cause).strip().partition("\n")[0]


def record_stages(plan: Plan) -> None:
    """Write `stages.json`: what trained initial weights cost, and which arms start from them."""
    rows = []
    for stage in plan.stages:
        stored = stage.stored(plan.cache)
        assert stored is not None, f"{stage.name} has not been made"
        if stage.train is not None:
            log = cast(list[dict[str, float]], stored.record["epochs_log"])
            rows.append(
                StageRecord(
                    name=stage.name,
                    kind=stage.kind,
                    seconds=sum(epoch["seconds"] for epoch in log),
                    device=cast(str, stored.record["device"]),
                    arms=plan.served_by(stage),
                )
            )
    plan.directory.write_stages(rows)


def run_trials(plan: Plan, ledger: Ledger, view: View, deadline: float | None = None) -> None:
    """Run every trial that has not ended, or as many as there is time for.

    Raises:
        OutOfTimeError, KeyboardInterrupt: some have not ended.
    """
    sweep = plan.sweep
    left = plan.trials - ledger.ended
    if left <= 0:
        return
    search = SearchInOrder(sweep, plan.arms, ledger, plan.lag, deadline)
    rule = sweep.scheduler
    within_arm = sweep.allocation == "equal"
    pruning = PruneInOrder(rule, ledger, plan.lag, within_arm) if rule.name != "none" else None
    named = partial(trial_name, sweep)
    trial = trainable(plan, context_of(plan, ledger, deadline), named)
    tuning = tune.TuneConfig(search_alg=search, scheduler=pruning, num_samples=left)
    _fit(plan, trial, tuning, named, Follow(ledger, view, pruning))
    search.finish()
    if ledger.ended < plan.trials:
        if search.out_of_time:
            raise OutOfTimeError
        raise KeyboardInterrupt  # Tune handles the signal itself and returns


def run_repeats(
    plan: Plan, trials: Ledger, repeats: Ledger, view: View, deadline: float | None = None
) -> None:
    """Train the best configurations again under the new seeds, unless that is on record.

    Raises:
        OutOfTimeError, KeyboardInterrupt: some have not ended.
    """
    wanted = open_repeats(plan.sweep, trials, repeats)
    left = [record for record in wanted if not record.ended]
    if not left:
        return
    if deadline is not None and time.time() > deadline:
        raise OutOfTimeError
    names = {record.number: record.name for record in wanted}

    def named(config: Config) -> str:
        return names[config["number"]]

    search = InTurn([record.config for record in left], repeats, deadline)
    trial = trainable(plan, context_of(plan, repeats, deadline), named)
    tuning = tune.TuneConfig(search_alg=search, num_samples=len(left))
    _fit(plan, trial, tuning, named, Follow(repeats, view, None))
    if not all(record.ended for record in left):
        if search.out_of_time:
            raise OutOfTimeError
        raise KeyboardInterrupt


def _fit(
    plan: Plan,
    trial: Callable[[Config], None],
    tuning: tune.TuneConfig,
    named: Callable[[Config], str],
    follow: Follow,
) -> None:
    """Let Ray Tune run `trial` in the plan's slots, on what the search of `tuning` proposes."""
    tuning.reuse_actors = True
    tuning.trial_name_creator = tuning.trial_dirname_creator = lambda one: named(one.config)
    slot = {"cpu": plan.slots.cpu, "gpu": plan.slots.gpu}
    run = plan.directory.path.resolve()
    shutil.rmtree(run / "ray", ignore_errors=True)
    tuner = tune.Tuner(
        tune.with_resources(trial, slot),
        tune_config=tuning,
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(run),
            callbacks=[follow],
            verbose=0,
        ),
    )
    with _own_signals():
        tuner.fit()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Restore our signal handlers after Tune has run: it does not remove its own."""
    taken = (signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def trainable(
    plan: Plan, context: TrialContext, named: Callable[[Config], str]
) -> Callable[[Config], None]:
    """The function that Ray calls with each configuration."""
    sweep = plan.sweep

    def trial(config: Config) -> None:
        run_trial(config, context, named(config), arm_of(sweep, config))

    return trial


def context_of(plan: Plan, ledger: Ledger, deadline: float | None = None) -> TrialContext:
    """What the trials of a ledger have in common."""
    return TrialContext(
        task=plan.sweep.task,
        metric=plan.sweep.metric,
        metrics=plan.metrics,
        data=plan.data,
        slots=plan.slots,
        varied=(*plan.sweep.compare, *plan.sweep.tune),
        directory=RunDirectory(plan.directory.path.resolve()),
        group=ledger.group,
        weights={arm: plan.weights_of(arm) for arm in plan.arms},
        deadline=deadline,
    )


def chosen_for_test(trials: Ledger, repeats: Ledger) -> list[TrialRecord]:
    """The first trial of each arm and its repeats, in the order of `runs.winner`."""
    standings = trials.standings(repeats)
    return [record for arm in standings for record in (arm.trial, *arm.repeats)]


def score_on_test_split(plan: Plan, trials: Ledger, repeats: Ledger, view: View) -> None:
    """Score the first trial of each arm, and its repeats, on test, once, into `test.json`.

    Raises:
        RunError: naming the trials that could not be scored; the others are.
    """
    scores = dict(plan.directory.test().scores)
    remote = ray.remote(score_on_test).options(num_cpus=plan.slots.cpu, num_gpus=plan.slots.gpu)
    context = ray.put(context_of(plan, trials))
    scoring = {
        record.name: remote.remote(record, context)
        for record in chosen_for_test(trials, repeats)
        if record.name not in scores
    }
    view.scoring(len(scoring))
    failed = []
    for name, score in scoring.items():
        try:
            scores[name] = ray.get(score)
        except ray.exceptions.RayError as error:
            failed.append(f"{name} could not be scored on test: {reason_in(error)}")
        plan.directory.write_test(TestRecord(scores=scores))
    if failed:
        raise RunError("\n".join(failed))
