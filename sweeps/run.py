"""A run: from a plan to a run directory with a ranking in it, on Ray."""

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import ray
from ray import tune

from sweeps.follow import Follow, View
from sweeps.ledger import Ledger, read_json, write_json
from sweeps.plan import Plan
from sweeps.pruning import PruneInOrder
from sweeps.repeats import InTurn, open_repeats
from sweeps.search import SearchInOrder
from sweeps.space import Config, arm_label, arm_of, trial_name
from sweeps.stages import Stage, train_stage
from sweeps.trial import Setting, run_trial, score_on_test


def run_plan(plan: Plan, ledger: Ledger, repeats: Ledger, view: View) -> None:
    """Make the stages, run the trials, repeat the best, score on test. Ray must be up.

    Raises:
        RunError: initial weights could not be made, or test could not be scored.
        OutOfTimeError: `budget.hours` are over; what has been done is on record.
        KeyboardInterrupt: cut short by the user; likewise.
    """
    hours = plan.sweep.budget.hours
    deadline = None if hours is None else time.time() + hours * 3600
    make_stages(plan.missing, plan, view, deadline)
    record_stages(plan)
    run_trials(plan, ledger, view, deadline)
    if plan.sweep.repeats:
        run_repeats(plan, ledger, repeats, view, deadline)
    score_on_test_split(plan, ledger, repeats, view)


class RunError(RuntimeError):
    """The run cannot go on; the message says what failed and what to do."""


class OutOfTimeError(RuntimeError):
    """The sweep's `budget.hours` are over; `--resume` goes on."""


def make_stages(
    missing: list[Stage], plan: Plan, view: View, deadline: float | None = None
) -> None:
    """Train what is missing in the store, in parallel on the slots, parents before children.

    Raises:
        RunError: naming the stage and why.
        OutOfTimeError: the deadline has come; what was done of a stage is in the store.
    """
    remote = ray.remote(train_stage).options(
        num_cpus=plan.slots.cpu, num_gpus=plan.slots.gpu, num_returns="streaming"
    )
    waiting = {stage.key: stage for stage in missing}
    running: dict[Any, Stage] = {}
    spent: dict[str, float] = {}
    out_of_time = False
    while running or (waiting and not out_of_time):
        for stage in list(waiting.values()) if not out_of_time else ():
            unmade = waiting.keys() | {stage.key for stage in running.values()}
            if stage.parent is None or stage.parent.key not in unmade:
                begun = remote.remote(stage, plan.sweep, plan.cache, plan.slots, deadline)
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
            epochs = plan.sweep.budget.pretraining_epochs
            view.stage_epoch(stage.name, int(epoch["epoch"]), epochs, epoch["loss"])
    if out_of_time:
        raise OutOfTimeError


def reason_in(error: ray.exceptions.RayError) -> str:
    """The first line of what went wrong in a worker."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return str(cause).strip().partition("\n")[0]


def record_stages(plan: Plan) -> None:
    """Write into `stages.json` what the trained initial weights cost, and which arms they serve."""
    rows = []
    for stage in plan.stages:
        stored = stage.stored(plan.cache)
        assert stored is not None, f"{stage.name} has not been made"
        if stage.file is None:
            log = cast(list[dict[str, float]], stored.record["epochs_log"])
            rows.append(
                {
                    "name": stage.name,
                    "kind": stage.kind,
                    "seconds": sum(epoch["seconds"] for epoch in log),
                    "device": stored.record["device"],
                    "arms": plan.served_by(stage),
                }
            )
    write_json(plan.run / "stages.json", rows)


def run_trials(plan: Plan, ledger: Ledger, view: View, deadline: float | None = None) -> None:
    """Run every trial that the records lack, or as many as there is time for.

    Raises:
        OutOfTimeError, KeyboardInterrupt: some are left.
    """
    sweep = plan.sweep
    left = plan.trials - ledger.ended
    if left <= 0:
        return
    search = SearchInOrder(sweep, plan.arms, ledger, plan.lag, plan.run, deadline)
    rule = sweep.scheduler
    within_arm = sweep.allocation == "equal"
    pruning = PruneInOrder(rule, ledger, plan.lag, within_arm) if rule.name != "none" else None
    named = partial(trial_name, sweep)
    trial = trainable(plan, setting_of(plan, ledger, deadline), named)
    tuning = tune.TuneConfig(search_alg=search, scheduler=pruning, num_samples=left)
    _fit(plan, trial, tuning, named, Follow(ledger, view, pruning))
    search.finish()
    if ledger.ended < plan.trials:
        if search.out_of_time:
            raise OutOfTimeError
        raise KeyboardInterrupt  # Tune takes the signal for itself, and returns


def run_repeats(
    plan: Plan, trials: Ledger, repeats: Ledger, view: View, deadline: float | None = None
) -> None:
    """Train the best configurations again under the new seeds, as far as that has not been done.

    Raises:
        OutOfTimeError, KeyboardInterrupt: some are left.
    """
    wanted = open_repeats(plan.sweep, plan.arms, trials, repeats)
    left = [record for record in wanted if not record.ended]
    if not left:
        return
    if deadline is not None and time.time() > deadline:
        raise OutOfTimeError
    names = {record.number: record.name for record in wanted}

    def named(config: Config) -> str:
        return names[config["number"]]

    search = InTurn([record.config for record in left], repeats, deadline)
    trial = trainable(plan, setting_of(plan, repeats, deadline), named)
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
    """Have Ray Tune run `trial` in the plan's slots, on what the search of `tuning` proposes."""
    tuning.reuse_actors = True
    tuning.trial_name_creator = tuning.trial_dirname_creator = lambda one: named(one.config)
    slot = {"cpu": plan.slots.cpu, "gpu": plan.slots.gpu}
    shutil.rmtree(plan.run / "ray", ignore_errors=True)
    tuner = tune.Tuner(
        tune.with_resources(trial, slot),
        tune_config=tuning,
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(plan.run.resolve()),
            callbacks=[follow],
            verbose=0,
        ),
    )
    with _own_signals():
        tuner.fit()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Take Ctrl-C back when Tune is through: it keeps the handler that it installs."""
    taken = (signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def trainable(
    plan: Plan, setting: Setting, named: Callable[[Config], str]
) -> Callable[[Config], None]:
    """The function that Ray calls with each configuration."""
    sweep = plan.sweep

    def trial(config: Config) -> None:
        run_trial(config, setting, named(config), arm_label(arm_of(sweep, config)))

    return trial


def setting_of(plan: Plan, ledger: Ledger, deadline: float | None = None) -> Setting:
    """What the trials of a ledger have in common."""
    return Setting(
        task=plan.sweep.task,
        metric=plan.sweep.metric,
        metrics=plan.metrics,
        data=plan.data,
        slots=plan.slots,
        varied=(*plan.sweep.compare, *plan.sweep.tune),
        trials=ledger.trials.resolve(),
        weights={arm_label(arm): plan.weights_of(arm) for arm in plan.arms},
        deadline=deadline,
    )


def score_on_test_split(plan: Plan, trials: Ledger, repeats: Ledger, view: View) -> None:
    """Score the best trial of each arm, and each repeat, on test, once, into `test.json`.

    Raises:
        RunError: naming the trials that could not be scored; the others are.
    """
    file = plan.run / "test.json"
    scores = read_json(file) if file.exists() else {}
    best = [record for arm in plan.arms if (record := trials.best_of(arm)) is not None]
    repeated = [record for record in repeats.records.values() if record.best_epoch is not None]
    remote = ray.remote(score_on_test).options(num_cpus=plan.slots.cpu, num_gpus=plan.slots.gpu)
    scoring = {
        one.name: remote.remote(one.config, setting, one.name, one.best_epoch)
        for ledger, chosen in ((trials, best), (repeats, repeated))
        for setting in (ray.put(setting_of(plan, ledger)),)
        for one in chosen
        if one.name not in scores
    }
    view.scoring(len(scoring))
    failed = []
    for name, score in scoring.items():
        try:
            scores[name] = ray.get(score)
        except ray.exceptions.RayError as error:
            failed.append(f"{name} could not be scored on test: {reason_in(error)}")
        write_json(file, scores)
    if failed:
        raise RunError("\n".join(failed))
