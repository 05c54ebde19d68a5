"""Trackio: a run a trial, in the project of the sweep, grouped by run directory.

Local, in the folder where `trackio show` finds it, unless `TRACKIO_SPACE_ID` or
`TRACKIO_SERVER_URL` name another place. Source: https://huggingface.co/docs/trackio
"""

import os
import sqlite3
from typing import Any

from sweeps.commands import program
from sweeps.tracking.tracker import Followed, Outcome, Update


class Trackio:
    """Opens a run for each update: Trackio holds one at a time."""

    def __init__(self, followed: Followed) -> None:
        import trackio

        self.trackio, self.followed = trackio, followed
        self.failures: tuple[type[Exception], ...] = (OSError, ValueError, sqlite3.Error)
        elsewhere = os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL")
        self.project = followed.record.name
        self.where = f"{elsewhere or trackio.TRACKIO_DIR}: {self.project}"
        self.look = elsewhere or program("trackio", "show", "--project", self.project)

    def open(self) -> None:
        """Begin the run of the ranking: under a name that Trackio refuses, this fails."""
        self._begin("ranking", {}).finish()

    def send(self, update: Update) -> None:
        """Bring a run up to date."""
        record = update.record
        run = self._begin(record.name, {**update.settings, **update.labels})
        for number, _, values in update.epochs(update.since):
            run.log(values, step=number)
        end: dict[str, Any] = {**update.summary, **update.state} if record.ended else {}
        if update.picture:
            end["predictions"] = self.trackio.Image(str(update.picture), caption=record.arm.title)
        if end:
            run.log(end, step=record.trained)
        run.finish()

    def conclude(self, outcome: Outcome) -> None:
        """Send the ranking as a table, and the winner's model as an artifact."""
        run = self._begin("ranking", {"winner": outcome.winner})
        pictures = {
            f"pictures/{file.stem}": self.trackio.Image(str(file)) for file in outcome.pictures
        }
        run.log({"ranking": self.trackio.Table(dataframe=outcome.ranking), **pictures}, step=0)
        name = self.followed.record.name
        run.log_artifact(outcome.model, f"{name}-model", "model")
        for file in outcome.files:
            run.log_artifact(file, f"{name}-{file.stem}", "ranking")
        run.finish()

    def close(self) -> None:
        """No run is open."""

    def _begin(self, name: str, settings: dict[str, Any]) -> Any:
        """The run called `name`, new or opened again."""
        group = self.followed.key
        return self.trackio.init(
            self.project,
            name=f"{name} {group.rpartition(' ')[2]}",
            group=group,
            config={**self.followed.facts, **settings},
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
