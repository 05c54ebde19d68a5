"""A run: from a plan to a run directory with a ranking in it, on Ray."""

import contextlib
import importlib.metadata
import io
import logging
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ray
from filelock import FileLock, Timeout
from pydantic import ValidationError
from ray import tune
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from models.tasks import TASKS
from sweeps.faults import SweepError
from sweeps.follow import Follow, View
from sweeps.ledger import Ledger, read_json, write_json, write_whole
from sweeps.plan import Plan, read_info
from sweeps.pruning import PruneInOrder
from sweeps.schema import Sweep
from sweeps.search import SearchInOrder
from sweeps.slots import Machine, this_machine
from sweeps.space import Config, arm_label, arm_of, trial_name
from sweeps.stages import Stage, train_stage
from sweeps.trial import Setting, run_trial, score_on_test

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ray", "optuna", "torch", "torchvision", "timm", "numpy")


def check_run_directory(run: Path, sweep: Sweep, resume: bool) -> None:
    """Raise `SweepError` unless the run directory is new, or holds this sweep and is resumed."""
    kept = run / "sweep.yaml"
    if not kept.exists() and run.exists() and any(run.iterdir()):
        raise SweepError(f"{run} is not empty and holds no run: name another place, or clear it")
    if resume and not kept.exists():
        raise SweepError(f"{run} holds no run to resume; leave --resume out to start one")
    if not kept.exists():
        return
    if not resume:
        raise SweepError(
            f"{run} holds a run already: go on with it with --resume, give this one another "
            "place with --results DIR or another name with name=NAME, or delete the folder"
        )
    try:
        before = Sweep.model_validate(YAML(typ="safe").load(kept))
    except (YAMLError, ValidationError) as error:
        raise SweepError(f"{kept} is damaged and its run cannot be gone on with: {error}") from None
    changed = [
        key for key in Sweep.model_fields if _resumable(before, key) != _resumable(sweep, key)
    ]
    if changed:
        raise SweepError(
            f"{run} was made with another {' and '.join(changed)}; a run is resumed as it was "
            f"begun (only the number of trials may grow): see {kept}"
        )
    if sweep.budget.trials < before.budget.trials:
        raise SweepError(
            f"{run} was begun with {before.budget.trials} trials; resuming cannot lower that"
        )


def _resumable(sweep: Sweep, key: str) -> Any:
    """A section of the sweep without what may change when a run is resumed."""
    value = sweep.model_dump(mode="json")[key]
    return {**value, "trials": None} if key == "budget" else value


@contextlib.contextmanager
def exclusive(run: Path) -> Iterator[None]:
    """Keep other processes out of a run directory. SweepError: one is in it."""
    run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.parent / f".{run.name}.lock", timeout=0):
            yield
    except Timeout:
        raise SweepError(f"another process is running in {run}: wait for it") from None


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Ray, started here or joined where RAY_ADDRESS says; gives the dashboard's address."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Records and TensorBoard events are written by us, once.
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    # Ray's newer output draws a box even where it is told to be quiet.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    # A trial's failure is shown and kept with its reason; Tune would print a traceback as well.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    joined = "RAY_ADDRESS" in os.environ
    # Our packages share names with others that may be installed (`datasets`): ours must come
    # first in every worker, wherever this process was started from.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment: dict[str, Any] = {"env_vars": {"PYTHONPATH": path}}
    if joined:
        environment = {"working_dir": str(ROOT), "excludes": ["results", "cache", ".git", ".venv"]}
    options: dict[str, Any] = {"runtime_env": environment, "log_to_driver": False}
    if not joined:
        here = this_machine()
        options |= {"num_cpus": here.cpus, "num_gpus": here.gpus, "dashboard_host": "127.0.0.1"}
    context = ray.init(logging_level="ERROR", include_dashboard=None if joined else True, **options)
    try:
        yield context.dashboard_url or ""
    finally:
        ray.shutdown()


def machines() -> list[Machine]:
    """The nodes of the cluster that RAY_ADDRESS names, else this machine."""
    if "RAY_ADDRESS" not in os.environ:
        return [this_machine()]
    with cluster():
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Machine(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in resources]


def run_plan(plan: Plan, ledger: Ledger, view: View) -> None:
    """Make the stages, run the trials, score each arm's best on test. Ray must be up.

    Raises:
        RunError: initial weights could not be made, or test could not be scored.
        KeyboardInterrupt: cut short by the user; what has ended is on record.
    """
    make_stages(plan.missing, plan, view)

    run_trials(plan, ledger, view)
    score_best_on_test(plan, ledger)


def begin_run_directory(plan: Plan, command: str) -> None:
    """Write what the run can be rebuilt from: the resolved sweep, the data, the versions."""
    sweep = plan.sweep
    plan.run.mkdir(parents=True, exist_ok=True)
    resolved = io.StringIO()
    YAML(typ="rt").dump(sweep.model_dump(mode="json", exclude={"on_sample"}), resolved)
    write_whole(plan.run / "sweep.yaml", resolved.getvalue())
    write_json(
        plan.run / "run.json",
        {
            "name": sweep.name,
            "task": sweep.task,
            "metric": sweep.metric,
            "metrics": list(TASKS[sweep.task].metrics),
            "sample": sweep.uses_sample,
            "seed": sweep.seed,
            "factors": list(sweep.compare),
            "arms": plan.arms,
            "skipped": [{"arm": one.arm, "reason": one.reason} for one in plan.skipped],
            "budget": sweep.budget.model_dump(),
            "slots": {"count": plan.slots.count, "cpu": plan.slots.cpu, "gpu": plan.slots.gpu},
            "lag": plan.lag,
            "data": {
                "name": sweep.dataset.name,
                "fingerprint": plan.data.fingerprint,
                "counts": plan.data.counts,
                "skipped_files": [[str(file), reason] for file, reason in plan.data.skipped],
            },
            "weights": {arm_label(arm): _weights_record(plan, arm) for arm in plan.arms},
            **_times(plan.run),
            "command": command,
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in PACKAGES},
            },
            "git": git_revision(),
        },
    )


def _times(run: Path) -> dict[str, Any]:
    """When the run was begun, and each time it was gone on with."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = read_info(run)
    if before is None:
        return {"started": now, "resumed": []}
    return {"started": before["started"], "resumed": [*before["resumed"], now]}


def _weights_record(plan: Plan, arm: Any) -> str | None:
    stage = plan.starts[arm_label(arm)]
    return f"{stage.name}-{stage.key}" if stage else None


def git_revision() -> str | None:
    """The commit of this code, with `+changes` if the tree differs from it; None outside git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return described.stdout.strip() or None


class RunError(RuntimeError):
    """The run cannot go on; the message says what failed and what to do."""


def make_stages(missing: list[Stage], plan: Plan, view: View) -> None:
    """Train what is missing in the store, in parallel on the slots, parents before children.

    Raises:
        RunError: naming the stage and why.
    """
    remote = ray.remote(train_stage).options(
        num_cpus=plan.slots.cpu, num_gpus=plan.slots.gpu, num_returns="streaming"
    )
    waiting = {stage.key: stage for stage in missing}
    running: dict[Any, Stage] = {}
    spent: dict[str, float] = {}
    while waiting or running:
        for stage in list(waiting.values()):
            unmade = waiting.keys() | {stage.key for stage in running.values()}
            if stage.parent is None or stage.parent.key not in unmade:
                sweep, data = plan.sweep, plan.data
                running[remote.remote(stage, sweep, data, plan.cache, plan.slots)] = stage
                del waiting[stage.key]
        (ready,), _ = ray.wait(list(running), num_returns=1)
        stage = running[ready]
        try:
            epoch = ray.get(next(ready))
        except StopIteration:
            del running[ready]
            view.stage_done(stage.name, spent.get(stage.key, 0.0))
        except ray.exceptions.RayError as error:
            raise RunError(f"{stage.name} could not be made: {reason_in(error)}") from None
        else:
            if epoch["epoch"] == 0:
                view.stage_started(stage.name)
                continue
            spent[stage.key] = spent.get(stage.key, 0.0) + epoch["seconds"]
            epochs = plan.sweep.budget.pretraining_epochs
            view.stage_epoch(stage.name, int(epoch["epoch"]), epochs, epoch["loss"])


def reason_in(error: ray.exceptions.RayError) -> str:
    """The first line of what went wrong in a worker."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return str(cause).strip().partition("\n")[0]


def run_trials(plan: Plan, ledger: Ledger, view: View) -> None:
    """Run every trial that the records lack."""
    sweep, slots = plan.sweep, plan.slots
    left = plan.trials - sum(record.ended for record in ledger.records.values())
    if left <= 0:
        return
    search = SearchInOrder(sweep, plan.arms, ledger, plan.lag, plan.run)
    rule = sweep.scheduler
    within_arm = sweep.allocation == "equal"
    pruning = PruneInOrder(rule, ledger, plan.lag, within_arm) if rule.name != "none" else None
    shutil.rmtree(plan.run / "ray", ignore_errors=True)
    tuner = tune.Tuner(
        tune.with_resources(trainable(plan), {"cpu": slots.cpu, "gpu": slots.gpu}),
        tune_config=tune.TuneConfig(
            search_alg=search,
            scheduler=pruning,
            num_samples=left,
            reuse_actors=True,
            trial_name_creator=lambda trial: trial_name(sweep, trial.config),
            trial_dirname_creator=lambda trial: trial_name(sweep, trial.config),
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(plan.run.resolve()),
            callbacks=[Follow(ledger, view, pruning)],
            verbose=0,
        ),
    )
    with _own_signals():
        tuner.fit()
    search.finish()
    if sum(record.ended for record in ledger.records.values()) < plan.trials:
        raise KeyboardInterrupt  # Tune takes the signal for itself, and returns


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


def trainable(plan: Plan) -> Callable[[Config], None]:
    """The function that Ray calls with each configuration."""
    sweep, setting = plan.sweep, setting_of(plan)

    def trial(config: Config) -> None:
        run_trial(config, setting, trial_name(sweep, config), arm_label(arm_of(sweep, config)))

    return trial


def setting_of(plan: Plan) -> Setting:
    """What trials have in common."""
    return Setting(
        task=plan.sweep.task,
        metric=plan.sweep.metric,
        data=plan.data,
        slots=plan.slots,
        varied=(*plan.sweep.compare, *plan.sweep.tune),
        trials=plan.run.resolve() / "trials",
        weights={arm_label(arm): plan.weights_of(arm) for arm in plan.arms},
    )


def score_best_on_test(plan: Plan, ledger: Ledger) -> None:
    """Score the best trial of each arm on test, once, into `test.json`.

    Raises:
        RunError: naming the trials that could not be scored; the others are.
    """
    file = plan.run / "test.json"
    scores = read_json(file) if file.exists() else {}
    chosen = [record for arm in plan.arms if (record := ledger.best_of(arm)) is not None]
    remote = ray.remote(score_on_test).options(num_cpus=plan.slots.cpu, num_gpus=plan.slots.gpu)
    setting = ray.put(setting_of(plan))
    scoring = {
        one.name: remote.remote(one.config, setting, one.name, one.best_epoch)
        for one in chosen
        if one.name not in scores
    }
    failed = []
    for name, score in scoring.items():
        try:
            scores[name] = ray.get(score)
        except ray.exceptions.RayError as error:
            failed.append(f"{name} could not be scored on test: {reason_in(error)}")
        write_json(file, scores)
    if failed:
        raise RunError("\n".join(failed))


def command_line() -> str:
    """The command that was typed."""
    return shlex.join(["python", *sys.argv])
