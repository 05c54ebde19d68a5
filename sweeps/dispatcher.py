"""Ray Tune runs the agenda: each trial, stage and scoring is one trial of Ray Tune.

A worker that has done its job keeps its slot until there is another job that holds as much: then
its own trial is paused or stopped, and Ray gives the process to the next one. So a run starts its
workers once. For a job that holds more or less, idle workers make room.
"""

from collections.abc import Sequence
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
from sweeps.room import fit
from sweeps.signals import insist
from sweeps.slots import Machine, Slot


class Dispatcher(FIFOScheduler):
    """Decides what Ray Tune runs next.

    Args:
        agenda: what there is to do.
        machines: that there are; jobs are done at once as far as their slots fit them.
        stall_s: a worker that has done nothing for so long is ended; None for never.
    """

    def __init__(
        self, agenda: Agenda, machines: Sequence[Machine], stall_s: float | None = None
    ) -> None:
        super().__init__()
        self.agenda, self.machines = agenda, machines
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
        self.placeless: set[str] = set()
        """Those of `starting` for whose workers Ray has found no place yet."""

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Ray pickles its scheduler for its own resuming, which is not used."""
        return {}

    def take(self) -> Job | None:
        """A job that is new to Ray; None while there is none, or no room for it."""
        self._notice_ended()  # if no trial is left, Ray asks for nothing else
        while (job := self.agenda.next(self._has_room)) is not None:
            self.starting.append(job.name)
            if self._spare(job.slot):
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

    def _has_room(self, slot: Slot) -> bool:
        """Whether the machines have it; what Ray would give a larger one that waits, is not."""
        running = self.agenda.running
        if any(running[name].slot.gpu > slot.gpu for name in self.placeless if name in running):
            return False
        return fit(self.machines, [*(job.slot for job in running.values()), slot])

    def _spare(self, slot: Slot) -> list[str]:
        """Names of idle workers that hold `slot`, if there are more than will be taken over."""
        held = [name for name, job in self.idle.items() if job.slot == slot]
        wanted = sum(self.agenda.running[name].slot == slot for name in self.taking_over)
        return held if len(held) > wanted else []

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

        A node may have been lost since, or another sweep of the cluster may hold the place. If none
        of them holds as much as a job, they make room for its own, one after another.
        """
        without_room = tune_controller._actor_manager.pending_actors
        self.placeless.clear()
        for name in self.starting:
            worker = tune_controller._trial_to_actor.get(self.trials[name])
            if name in self.taking_over or not (worker is None or worker in without_room):
                continue
            if self._spare(self.agenda.running[name].slot):
                self.taking_over.add(name)
                continue
            self.placeless.add(name)
            if worker is None:  # Ray has not looked for a place yet
                continue
            spare = [other for job in self.idle.values() for other in self._spare(job.slot)]
            if spare:
                self._leave_idle(tune_controller, spare[0])

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
        slot = self.agenda.running[wanted_by].slot
        held = (name for name, job in self.idle.items() if job.slot == slot)
        self._leave_idle(tune_controller, wanted_by if wanted_by in self.idle else next(held))

    def _leave_idle(self, tune_controller: Any, name: str) -> None:
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
