"""A worker: a process that holds a slot and does one job after another."""

import gc
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from ray import tune
from ray._raylet import setproctitle  # type: ignore[attr-defined]

from models.determinism import be_deterministic, without_algorithm
from sweeps.failures import failure_of
from sweeps.jobs import Job, JobContext, Train
from sweeps.pulse import beat
from sweeps.reports import Report


class Worker(tune.Trainable):
    """Ray Tune's side of a job. Ray keeps the process, and gives it the next job."""

    title: str
    reports: Generator[Report]
    undetermined: set[str]
    raised: Exception | None = None

    def setup(self, config: dict[str, Any], context: JobContext) -> None:
        """Start with a job in a new process."""
        # What was imported stays. Without this, each trial's collection looks at all of it again.
        gc.freeze()
        self.context = context
        if context.deterministic:
            be_deterministic()
        if context.stall_s is not None:
            beat(context.stall_s)
        self._begin(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start with the next job; True says that a new process is not needed."""
        self._begin(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        """Work up to the job's next report.

        What the job raises is told first, and raised at the next step: so the driver can tell it
        from the death of a worker, and Ray ends the process, which may be in any state.
        """
        if self.raised is not None:
            raise self.raised
        # Ray names a worker's process after its class, at each call. Named after the job, it is
        # recognised in the dashboard's list of workers and in `top`; only Ray's own function can
        # change the name.
        setproctitle(self.title)
        try:
            with without_algorithm(self.undetermined):
                report = next(self.reports)
            if report.last:  # now, because the next job may be long in coming
                self.reports.close()
        except Exception as error:  # noqa: BLE001 (raised at the next step)
            self.raised = error
            return {"failure": failure_of(error)}
        return {"report": replace(report, undetermined=tuple(sorted(self.undetermined)))}

    def _begin(self, job: Job) -> None:
        self.title = f"trial {job.name}" if isinstance(job, Train) else job.name
        self.reports, self.undetermined = job.reports(self.context), set()
