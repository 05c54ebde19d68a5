"""Ray Tune runs the agenda: each trial, stage and scoring is one trial of Ray Tune.

A worker that has done its job keeps its slot until there is another job for it: then its own trial
is paused or stopped, and Ray gives the process to the next one. So a run starts its workers once.
"""

import re
import textwrap
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweeps.agenda import Agenda
from sweeps.jobs import Job


class Dispatcher(FIFOScheduler):
    """Decides what Ray Tune runs next.

    Args:
        agenda: what there is to do.
        slots: how many jobs are done at once.
    """

    def __init__(self, agenda: Agenda, slots: int) -> None:
        super().__init__()
        self.agenda, self.slots = agenda, slots
        self.starting: list[str] = []
        """Names of the agenda's running jobs that no worker has begun yet."""
        self.trials: dict[str, Trial] = {}
        """Ray's trials by name, without those that were stopped."""
        self.idle: dict[str, Job] = {}
        """By name, what was done last by a worker that has nothing to do now."""
        self.taking_over: set[str] = set()
        """Those of `starting` that take over an idle worker; the others get new ones."""

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Ray pickles its scheduler for its own resuming, which is not used."""
        return {}

    def take(self) -> Job | None:
        """A job that is new to Ray; None while there is none, or all slots are taken."""
        while len(self.agenda.running) < self.slots and (job := self.agenda.next()) is not None:
            self.starting.append(job.name)
            if len(self.idle) > len(self.taking_over):
                self.taking_over.add(job.name)
            if job.name not in self.trials:
                return job
            self.trials[job.name].set_config({"job": job})
        return None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ray has made a trial of a job."""
        self.trials[trial.config["job"].name] = trial

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The trial that takes the next free worker; Ray asks at every step."""
        self._look_after(tune_controller)
        if self.agenda.over:
            for name in list(self.trials):
                self._stop(tune_controller, name)
        for name in self.starting:
            if name in self.taking_over:
                self.taking_over.remove(name)
                self._release(tune_controller, name)
                return self.trials[name]
            if self.trials[name].status == Trial.PAUSED:
                return self.trials[name]
        return None

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pass a report on. After the last one the worker waits, and its trial is still running."""
        job = trial.config["job"]
        if self.agenda.report(job, result["report"]):
            return TrialScheduler.CONTINUE
        self.idle[job.name] = job
        return TrialScheduler.NOOP

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A job has raised, or its worker died."""
        self._lose(trial.config["job"].name)

    def _look_after(self, tune_controller: Any) -> None:
        """Notice what is to be stopped, what has begun, what Ray has ended without a word."""
        self.agenda.heed()
        for name, job in list(self.agenda.running.items()):
            status = self.trials[name].status
            if status in (Trial.ERROR, Trial.TERMINATED):
                self._lose(name)
            elif status == Trial.RUNNING and name in self.starting and name not in self.idle:
                self.starting.remove(name)
                self.agenda.started(job)

    def _lose(self, name: str) -> None:
        trial = self.trials.pop(name)
        self.idle.pop(name, None)
        self.taking_over.discard(name)
        if name in self.starting:
            self.starting.remove(name)
        if (job := self.agenda.running.get(name)) is not None:
            self.agenda.fail(job, reason_of(trial))

    def _release(self, tune_controller: Any, wanted_by: str) -> None:
        """Let go of an idle worker: of the trial that continues itself, if it has one."""
        name = wanted_by if wanted_by in self.idle else next(iter(self.idle))
        job = self.idle.pop(name)
        if not self.agenda.pauses(job):
            self._stop(tune_controller, name)
            return
        trial = self.trials[name]
        tune_controller.pause_trial(trial, should_checkpoint=False)
        if trial.status == Trial.RUNNING:  # its worker has died meanwhile
            tune_controller._set_trial_status(trial, Trial.PAUSED)

    def _stop(self, tune_controller: Any, name: str) -> None:
        self.idle.pop(name, None)
        tune_controller.stop_trial(self.trials.pop(name))


class Jobs(Searcher):
    """Ray Tune's way to ask for new trials."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self.dispatcher = dispatcher

    def __getstate__(self) -> dict[str, Any]:
        """Empty, as of the dispatcher."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A job as a trial's configuration; None while there is none; FINISHED at the end."""
        job = self.dispatcher.take()
        if job is not None:
            return {"job": job}
        return Searcher.FINISHED if self.dispatcher.agenda.over else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Does nothing: the agenda knows."""

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: the run directory is the memory of a run."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing, as `save`."""


def reason_of(trial: Trial) -> str:
    """The error of a trial in one line: its traceback from the line that names the error."""
    file = trial.error_file
    if not file or not Path(file).exists():
        return "its worker died and left no message"
    lines = [line.strip() for line in Path(file).read_text().splitlines() if line.strip()]
    names = re.compile(r"[\w.]+(Error|Exception|Interrupt|Exit)\b")
    named = [index for index, line in enumerate(lines) if names.match(line)]
    message = " ".join(lines[named[-1] if named else -1 :])
    return textwrap.shorten(message, 200, placeholder=" …") or "its error has no message"
