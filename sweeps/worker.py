"""A worker: a process that holds a slot and does one job after another."""

import gc
from collections.abc import Generator
from typing import Any

from ray import tune

from sweeps.jobs import Job, JobContext
from sweeps.reports import Report


class Worker(tune.Trainable):
    """Ray Tune's side of a job. Ray keeps the process, and gives it the next job."""

    reports: Generator[Report]

    def setup(self, config: dict[str, Any], context: JobContext) -> None:
        """Start with a job in a new process."""
        # What was imported stays. Without this, each trial's collection looks at all of it again.
        gc.freeze()
        self.context = context
        self._begin(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start with the next job; True says that a new process is not needed."""
        self._begin(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        """Work up to the job's next report."""
        report = next(self.reports)
        if report.last:  # now, because the next job may be long in coming
            self.reports.close()
        return {"report": report}

    def _begin(self, job: Job) -> None:
        self.reports = job.reports(self.context)
