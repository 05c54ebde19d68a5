"""MLflow: a run a trial, in the experiment of the sweep, under a run for the sweep itself.

It is sent to `MLFLOW_TRACKING_URI`, without which the run directory gets a store of its own.
Source: https://mlflow.org/docs/latest/ml/tracking
"""

import os
import re
from typing import Any

from runs.records import Status
from sweeps.commands import from_here, program
from sweeps.tracking.tracker import Followed, Outcome, Update

KEY = "eosweep.run"
"""Tag by which a resumed sweep finds its runs."""

STATUS: dict[Status, str] = {
    "running": "RUNNING",
    "waiting": "SCHEDULED",
    "diverged": "FAILED",
    "failed": "FAILED",
}
"""MLflow's words; FINISHED for the others."""


class MLflow:
    """Keeps no state between calls: the server knows."""

    def __init__(self, followed: Followed) -> None:
        # Else a call to a server that is gone takes minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        import mlflow
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException

        self.metric, self.param, self.tag = Metric, Param, RunTag
        self.failures: tuple[type[Exception], ...] = (MlflowException, OSError)
        self.followed = followed
        folder = followed.directory.path.resolve() / "mlflow"
        given = os.environ.get("MLFLOW_TRACKING_URI")
        self.where = given or f"sqlite:///{folder / 'mlflow.db'}"
        store = f"sqlite:///{from_here(folder / 'mlflow.db')}"
        self.look = given or program("mlflow", "server", "--backend-store-uri", store)
        if not given:
            folder.mkdir(exist_ok=True)
        self.client = mlflow.MlflowClient(self.where)
        self.artifacts = None if given else (folder / "artifacts").as_uri()

    def open(self) -> None:
        """Find the experiment and its runs, or begin them."""
        record = self.followed.record
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", record.name)
        known = self.client.get_experiment_by_name(name)
        self.experiment: str = (
            known.experiment_id if known else self.client.create_experiment(name, self.artifacts)
        )
        self.runs = self._known_runs()
        self.sweep = self._run(self.followed.key, self.followed.facts, {})

    def send(self, update: Update) -> None:
        """Bring a run up to date."""
        record = update.record
        parent = {"mlflow.parentRunId": self.sweep}
        run = self._run(record.name, update.settings, parent)
        for number, time, values in update.epochs(update.since):
            self._log(run, values, step=number, time=time)
        last = record.epochs[-1] if record.epochs else None
        if update.summary and last:
            self._log(run, update.summary, step=int(last["epoch"]), time=last["time"])
        texts = update.labels | update.state
        tags = [self.tag(name, value) for name, value in texts.items()]
        self.client.log_batch(run, tags=tags, synchronous=True)
        if update.picture:
            self.client.log_artifact(run, str(update.picture), "pictures")
        status = STATUS.get(record.status, "FINISHED")
        if record.ended:
            end = int(last["time"] * 1000) if last else None
            self.client.set_terminated(run, status, end)
        else:
            self.client.update_run(run, status)

    def conclude(self, outcome: Outcome) -> None:
        """Send the ranking and the winner's model to the run of the sweep."""
        for file in outcome.files:
            self.client.log_artifact(self.sweep, str(file))
        for picture in outcome.pictures:
            self.client.log_artifact(self.sweep, str(picture), "pictures")
        self.client.log_artifacts(self.sweep, str(outcome.model), "model")
        self.client.set_tag(self.sweep, "winner", outcome.winner)
        self.client.set_terminated(self.sweep)

    def close(self) -> None:
        """Nothing is in memory."""

    def _known_runs(self) -> dict[str, str]:
        """Ids of this sweep's runs by name."""
        wanted = f"tags.`{KEY}` = '{self.followed.key}'"
        found: dict[str, str] = {}
        page = None
        while page != "":
            runs = self.client.search_runs([self.experiment], wanted, page_token=page)
            found |= {run.info.run_name: run.info.run_id for run in runs}
            page = runs.token or ""
        return found

    def _run(self, name: str, settings: dict[str, Any], tags: dict[str, str]) -> str:
        """The id of the run called `name`, which is begun if there is none."""
        if name not in self.runs:
            tags = {KEY: self.followed.key, **tags}
            run = self.client.create_run(self.experiment, run_name=name, tags=tags).info.run_id
            given = [self.param(_allowed(key), str(value)) for key, value in settings.items()]
            self.client.log_batch(run, params=given, synchronous=True)
            self.runs[name] = run
        return self.runs[name]

    def _log(self, run: str, values: dict[str, float], step: int, time: float) -> None:
        milliseconds = int(time * 1000)
        metrics = [
            self.metric(_allowed(name), value, milliseconds, step) for name, value in values.items()
        ]
        self.client.log_batch(run, metrics=metrics, synchronous=True)


def _allowed(name: str) -> str:
    """A name without the characters that MLflow refuses: a class may have any."""
    return re.sub(r"[^\w./ -]", "_", name)
