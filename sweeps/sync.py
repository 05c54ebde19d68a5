"""Files on their way between the nodes of a cluster, where these share no disk.

What a job needs is fetched before it begins, and what it has made is in the storage before the
report that tells of it. A trial may so continue on any node. Its folder on a node is scratch: it is
filled from the storage when a job begins, and deleted when the job ends.
"""

import shutil
from collections.abc import Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryFile

from runs.directory import WEIGHTS, RunDirectory
from runs.errors import EosweepError
from runs.storage import Storage, StorageError
from sweeps.reports import Report
from sweeps.resuming import RESUME_FILE

RECORD = "trial.json"
"""The driver's file in a training's folder; all others are written by workers."""

UNFINISHED = (RESUME_FILE, RECORD, WEIGHTS)
"""What the driver does not need of a training that waits."""


def run_key(name: str) -> str:
    """Where in the storage the run directory of a sweep lies."""
    return f"results/{name}"


class SyncError(EosweepError, OSError):
    """A node does not reach the files of the run; the message says which, and what to do."""


@dataclass(frozen=True)
class Sync:
    """Copies files of a run and its cache to the storage and back; without one, does nothing.

    Attributes:
        storage: None: all nodes see the same folders.
        cache: where a node keeps data and initial weights; the same path on every node.
        run: the run directory, on the driver.
    """

    storage: Storage | None
    cache: Path
    run: RunDirectory

    @property
    def jobs(self) -> RunDirectory:
        """The run directory that jobs write to, on their node."""
        if self.storage is None:
            return self.run
        name = f"{self.storage.address}/{run_key(self.run.path.name)}"
        return RunDirectory(
            self.cache / "scratch" / blake2b(name.encode(), digest_size=8).hexdigest()
        )

    def check_here(self, data: Path) -> None:
        """Raise `SyncError` or `StorageError` if jobs cannot be done on this node.

        Args:
            data: the folder of the cache that they read.
        """
        if self.storage is None:
            for path in (self.run.run_file, data):
                if not path.exists():
                    raise SyncError(
                        f"node {gethostname()} does not see {path}, which the command sees: share "
                        "the folders of --results and --cache with every node at the same paths, "
                        "or give the sweep a `storage`"
                    )
            return
        try:
            self.jobs.path.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=self.cache).close()
        except OSError as error:
            raise SyncError(
                f"node {gethostname()} cannot write to {self.cache} ({error.strerror}): name a "
                "folder with --cache that every node may make"
            ) from None
        try:
            self.storage.check()
            seen = self.storage.has(self.key(self.run.run_file))
        except StorageError as error:
            raise SyncError(f"node {gethostname()}: {error}") from None
        if not seen:
            raise SyncError(
                f"node {gethostname()} does not see in {self.storage.address} what the command "
                "has written there: is this folder shared?"
            )

    def fetch(self, *folders: Path) -> None:
        """Have folders of the cache on this node, if they are in the storage."""
        if self.storage is not None:
            for folder in folders:
                self.storage.get_folder(self.key(folder), folder)

    def keep(self, *folders: Path) -> None:
        """Have folders of the cache in the storage."""
        if self.storage is not None:
            for folder in folders:
                self.storage.put_folder(folder, self.key(folder))

    def push(self, file: Path) -> None:
        """Copy a file to the storage."""
        if self.storage is not None:
            self.storage.put(file, self.key(file))

    def pull(self, file: Path) -> None:
        """Replace a file by the one in the storage; delete it if there is none."""
        if self.storage is not None and not self.storage.get(self.key(file), file):
            file.unlink(missing_ok=True)

    def discard(self, file: Path) -> None:
        """Delete a file in the storage."""
        if self.storage is not None:
            self.storage.remove(self.key(file))

    def collect(self, folder: Path, without: Collection[str] = (RESUME_FILE, RECORD)) -> None:
        """Copy what is in the storage of a training's folder."""
        if self.storage is not None:
            for name in self.storage.files(self.key(folder)):
                if name not in without:
                    self.pull(folder / name)

    def training(
        self, work: Generator[Report], folder: Path, data: Path, weights: Path | None = None
    ) -> Generator[Report]:
        """Do a job of a trial or repeat.

        Args:
            folder: of the trial, in `jobs`.
            data, weights: folders of the cache.
        """
        if self.storage is None:
            self.check_here(data)  # the node may have joined late
            yield from work
            return
        shutil.rmtree(folder, ignore_errors=True)  # of a job whose worker died
        folder.mkdir(parents=True)
        self.fetch(data, *([] if weights is None else [weights]))
        self.collect(folder, without=(RECORD,))
        known = _stamps(folder)
        try:
            with closing(work):
                for report in work:
                    known = self._push_changes(folder, known)
                    yield report
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def stage(
        self,
        work: Generator[Report],
        made: Path,
        unfinished: Path,
        data: Path,
        parents: Iterable[Path],
    ) -> Generator[Report]:
        """Make a stage of initial weights.

        Args:
            made: the folder that holds its weights in the end.
            unfinished: the file of what it resumes from.
            data, parents: folders of the cache.
        """
        if self.storage is None:
            self.check_here(data)
            yield from work
            return
        self.fetch(data, *parents)
        self.pull(unfinished)
        known = stamp(unfinished)
        with closing(work):
            for report in work:
                if unfinished.exists() and stamp(unfinished) != known:
                    self.push(unfinished)
                    known = stamp(unfinished)
                if made.is_dir():
                    self.keep(made)
                    self.discard(unfinished)
                yield report

    def _push_changes(self, folder: Path, known: dict[str, object]) -> dict[str, object]:
        """Copy what has changed; what a trial resumes from comes last, so that it is true."""
        now = _stamps(folder)
        changed = [name for name in now if now[name] != known.get(name)]
        for name in sorted(changed, key=lambda name: (name == RESUME_FILE, name != WEIGHTS)):
            self.push(folder / name)
        for name in known.keys() - now.keys():
            self.discard(folder / name)
        return now

    def key(self, path: Path) -> str:
        """Where in the storage a file or folder of this node lies."""
        for base in (self.run.path, self.jobs.path):
            if path.is_relative_to(base):
                return f"{run_key(self.run.path.name)}/{path.relative_to(base).as_posix()}"
        return f"cache/{path.relative_to(self.cache).as_posix()}"


NO_SYNC = Sync(None, Path(), RunDirectory(Path()))
"""All nodes see the same folders."""


def _stamps(folder: Path) -> dict[str, object]:
    """What tells whether the files of a training's folder have changed."""
    skipped = f"{RESUME_FILE}.before"  # what is in the storage is whole: one is enough
    return {
        file.name: stamp(file)
        for file in folder.iterdir()
        if file.is_file() and file.name != skipped
    }


def stamp(file: Path) -> object:
    """What tells whether a file has changed; None if it is not there."""
    if not file.exists():
        return None
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
