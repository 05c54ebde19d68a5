"""Ray Tune runs the agenda: each trial, stage and scoring is one trial of Ray Tune.

A worker that has done its job keeps its slot until there is another job for it: then its own trial
is paused or stopped, and Ray gives the process to the next one. So a run starts its workers once.
"""

from pathlib import Path
from typing import Any

import ray
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweeps.agenda import Agenda
from sweeps.failures import Failure, lost_worker, stalled_worker
from sweeps.jobs import Job
from sweeps.pulse import Pulse
from sweeps.signals import insist


class Dispatcher(FIFOScheduler):
    """Decides what Ray Tune runs next.

    Args:
        agenda: what there is to do.
        slots: how many jobs are done at once.
        stall_s: a worker that has done nothing for so long is ended; None for never.
    """

    def __init__(self, agenda: Agenda, slots: int, stall_s: float | None = None) -> None:
        super().__init__()
        self.agenda, self.slots = agenda, slots
        self.pulse = None if stall_s is None else Pulse(stall_s)
        self.failures: dict[str, Failure] = {}
        """Why a job was not done, by name, until Ray has ended its worker."""
        self.unrecorded: OSError | None = None
        """Why a report could not be recorded. What is raised where it is heard, Ray rewords."""
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
        self._notice_ended()  # if no trial is left, Ray asks for nothing else
        while self._held < self.slots and (job := self.agenda.next()) is not None:
            self.starting.append(job.name)
            spare = len(self.idle) > len(self.taking_over)
            if spare and (job.slots == 1 or job.name in self.idle):
                self.taking_over.add(job.name)
            if job.name not in self.trials:
                return job
            self.trials[job.name].set_config({"job": job})
        return None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ray has made a trial of a job."""
        self.trials[trial.config["job"].name] = trial

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The trial that takes the next free worker; Ray asks at every step.

        Raises:
            OSError: the run directory cannot be written.
        """
        if self.unrecorded is not None:
            raise self.unrecorded
        insist()
        self._look_after(tune_controller)
        if self.agenda.over:
            for name in list(self.trials):
                self._stop(tune_controller, name)
        self._share_idle(tune_controller)
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
        if "failure" in result:
            self.failures[job.name] = result["failure"]
            return TrialScheduler.CONTINUE  # the worker raises it now
        self.failures.pop(job.name, None)  # it did not hang after all
        try:
            continues = self.agenda.report(job, result["report"])
        except OSError as error:
            self.unrecorded = error
            return TrialScheduler.NOOP
        if continues:
            return TrialScheduler.CONTINUE
        self.idle[job.name] = job
        return TrialScheduler.NOOP

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Does nothing: what is raised here, Ray rewords. It is noticed at the next step."""

    @property
    def _held(self) -> int:
        return sum(job.slots for job in self.agenda.running.values())

    def _look_after(self, tune_controller: Any) -> None:
        """Notice what is to be stopped, what has ended, what has begun, what hangs."""
        self.agenda.heed()
        self._notice_ended()
        for name, job in list(self.agenda.running.items()):
            running = self.trials[name].status == Trial.RUNNING
            if running and name in self.starting and name not in self.idle:
                self.starting.remove(name)
                self.agenda.started(job)
        self._end_hung()

    def _notice_ended(self) -> None:
        """Notice what Ray has ended, for whatever reason: not of all it says a word."""
        for name in list(self.agenda.running):
            if self.trials[name].status in (Trial.ERROR, Trial.TERMINATED):
                self._lose(name)

    def _share_idle(self, tune_controller: Any) -> None:
        """Let idle workers be taken over by jobs that were to get new ones, for which is no room.

        A node may have been lost since, or another sweep of the cluster may hold the place. A job
        that holds several slots takes over none: idle workers make room for its own.
        """
        placeless = tune_controller._actor_manager.pending_actors
        for name in self.starting:
            worker = tune_controller._trial_to_actor.get(self.trials[name])
            wants = name not in self.taking_over and (worker is None or worker in placeless)
            if wants and len(self.idle) > len(self.taking_over):
                if self.agenda.running[name].slots == 1:
                    self.taking_over.add(name)
                else:
                    self._release(tune_controller, next(iter(self.idle)))

    def _end_hung(self) -> None:
        if self.pulse is None:
            return
        running = [(name, self.trials[name]) for name in self.agenda.running]
        actors = {name: one.temporary_state.ray_actor for name, one in running}
        workers = {name: one for name, one in actors.items() if one is not None}
        for name in self.pulse.hung({name: one._actor_id.hex() for name, one in workers.items()}):
            self.failures[name] = stalled_worker(self.pulse.stall_s / 60)
            ray.kill(workers[name])

    def _lose(self, name: str) -> None:
        trial = self.trials.pop(name)
        self.idle.pop(name, None)
        self.taking_over.discard(name)
        if name in self.starting:
            self.starting.remove(name)
        message = message_of(trial)
        # Ray reads its files of errors again when all is done; from a full disk that is no pickle.
        trial.run_metadata.error_filename = trial.run_metadata.pickled_error_filename = None
        if (job := self.agenda.running.get(name)) is not None:
            failure = self.failures.pop(name, None) or lost_worker(message)
            self.agenda.fail(job, failure)

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


def message_of(trial: Trial) -> str:
    """Ray's latest message of how a trial has ended, in many lines."""
    file = trial.error_file
    written = Path(file).read_text() if file and Path(file).exists() else ""
    return written.rpartition("Failure #")[2]
