"""Weights & Biases: a run a trial, grouped by sweep, and one of type `ranking`.

Online where `WANDB_API_KEY` or `wandb login` has given a key, unless `WANDB_MODE` says otherwise;
else offline into the run directory, from where `wandb sync` sends it.
Source: https://docs.wandb.ai/guides/track
"""

import hashlib
import os
import shutil
from typing import Any

from sweeps.commands import from_here, program
from sweeps.tracking.tracker import UNSENT, Followed, Outcome, Update


class WandB:
    """Holds a run open for as long as its trial is in a slot.

    A run that is opened again is sent from its first epoch: online, W&B ignores what it has;
    offline, the new folder takes the place of the old one.
    """

    def __init__(self, followed: Followed) -> None:
        import wandb

        self.wandb, self.followed = wandb, followed
        self.failures: tuple[type[Exception], ...] = (wandb.Error, OSError)
        self.mode: Any = os.environ.get("WANDB_MODE") or (
            "online" if wandb.api.api_key else "offline"
        )
        self.folder = followed.directory.path.resolve()
        self.project = os.environ.get("WANDB_PROJECT", followed.record.name)
        self.where = f"{self.mode}: {self.project}"
        self.running: dict[str, Any] = {}
        self.logged: dict[str, int] = {}

    def open(self) -> None:
        """Begin the run of the ranking: without network or with a wrong key, this fails."""
        self.ranking = self._begin("ranking", "ranking", {})
        local = from_here(self.folder / "wandb")
        sync = f"{program('wandb', 'sync')} {local}/offline-run-*"
        self.look = sync if self.mode == "offline" else self.ranking.project_url or self.mode

    def send(self, update: Update) -> None:
        """Bring a run up to date."""
        record, name = update.record, update.record.name
        if name not in self.running:
            settings = update.settings | update.labels
            self.running[name] = self._begin(name, update.labels["kind"], settings)
            self.logged[name] = UNSENT
        run = self.running[name]
        for number, time, values in update.epochs(self.logged[name]):
            run.log({**values, "_timestamp": time}, step=number)
            self.logged[name] = number
        if update.picture:
            picture = self.wandb.Image(str(update.picture), caption=record.arm.title)
            run.log({"predictions": picture}, step=record.trained)
        run.summary.update({**update.state, **update.summary})
        if record.status != "running":
            self.running.pop(name).finish(exit_code=int(record.status in ("diverged", "failed")))

    def conclude(self, outcome: Outcome) -> None:
        """Send the ranking as a table, and the winner's model as an artifact."""
        run = self.ranking
        pictures = [self.wandb.Image(str(file), caption=file.stem) for file in outcome.pictures]
        ranking = self.wandb.Table(dataframe=outcome.ranking)
        run.log({"ranking": ranking, "pictures": pictures})
        run.summary["winner"] = outcome.winner
        found = self.wandb.Artifact(f"{self.followed.record.name}-model", type="model")
        found.add_dir(str(outcome.model))
        run.log_artifact(found)
        files = self.wandb.Artifact(f"{self.followed.record.name}-ranking", type="ranking")
        for file in outcome.files:
            files.add_file(str(file))
        run.log_artifact(files)

    def close(self) -> None:
        """Finish what is open, and wait until it is sent."""
        self.wandb.teardown()

    def _begin(self, name: str, kind: str, settings: dict[str, Any]) -> Any:
        """The run called `name`, new or opened again."""
        identity = f"{self.followed.key} {name}".encode()
        run = hashlib.blake2b(identity, digest_size=8).hexdigest()
        for earlier in (self.folder / "wandb").glob(f"offline-run-*-{run}"):
            shutil.rmtree(earlier)
        return self.wandb.init(
            project=self.project,
            group=self.followed.key,
            job_type=kind,
            id=run,
            name=name,
            config={**self.followed.facts, **settings},
            dir=str(self.folder),
            mode=self.mode,
            resume="allow",
            reinit="create_new",
            settings=self.wandb.Settings(
                console="off", silent=True, x_disable_stats=True, disable_git=True, init_timeout=30
            ),
        )
