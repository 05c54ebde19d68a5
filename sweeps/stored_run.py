"""The run directory in the sweep's storage: a machine that is lost takes a minute of it along."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from runs.directory import GROUPS, RunDirectory, read_record
from runs.progress import UNSEEN, Progress
from runs.records import RunRecord
from runs.storage import Storage, StorageError
from sweeps.faults import SweepError
from sweeps.resuming import RESUME_FILE
from sweeps.sync import RECORD, Sync, run_key, stamp

COPY_EVERY_S = 60.0


def open_sync(
    storage: str | None, cache: Path, run: RunDirectory, progress: Progress = UNSEEN
) -> Sync:
    """The storage that a sweep names, after a look whether it can be used for this run.

    Raises:
        StorageError: it cannot be used at all.
        SweepError: it holds another run of this name, or a later state of this one.
    """
    if storage is None:
        return Sync(None, cache, run)
    progress.step(f"trying the storage {storage}")
    opened = Storage(storage)
    opened.check()
    _check_newest(opened, run)
    return Sync(opened, cache, run)


def restore_run(storage: Storage, run: Path) -> bool:
    """Copy a run directory from the storage, unless there is one; says whether it did."""
    key = run_key(run.name)
    if run.exists() or not storage.has(f"{key}/{RunDirectory(run).run_file.name}"):
        return False
    run.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".restored-", dir=run.parent) as folder:
        restored = Path(folder) / run.name
        for name in storage.files(key):
            if not name.endswith(f"/{RESUME_FILE}"):  # of no use but to the workers
                storage.get(f"{key}/{name}", restored / name)
        restored.rename(run)
    return True


@contextlib.contextmanager
def copied_to_storage(sync: Sync) -> Iterator[None]:
    """Keep the storage's copy of the run directory up to date: now and then, and at the end.

    Raises:
        StorageError: at the end, or where workers' files that only this machine has, because the
            run was started without a storage, cannot be copied.
    """
    if sync.storage is None:
        yield
        return
    there = sync.storage.files(run_key(sync.run.path.name))
    for file in _files(sync.run.path, of_workers=True):
        if file.relative_to(sync.run.path).as_posix() not in there:
            sync.push(file)
    copied: dict[Path, object] = {}
    _copy_changes(sync, copied)
    ended = threading.Event()

    def copy_regularly() -> None:
        while not ended.wait(COPY_EVERY_S):
            # What fails now is tried again in a minute; the last copy raises.
            with contextlib.suppress(StorageError):
                _copy_changes(sync, copied)

    thread = threading.Thread(target=copy_regularly, name="copy of the run directory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _copy_changes(sync, copied)


def _copy_changes(sync: Sync, copied: dict[Path, object]) -> None:
    """Copy the driver's files that have changed; `copied` tells what the storage has."""
    files = _files(sync.run.path, of_workers=False)
    for file in files:
        now = stamp(file)
        if now is not None and now != copied.get(file):
            sync.push(file)
            copied[file] = now
    for file in copied.keys() - set(files):
        sync.discard(file)
        del copied[file]


def _files(run: Path, *, of_workers: bool) -> list[Path]:
    """The files that the driver writes, or those that workers write in the trainings' folders."""
    found = []
    for file in run.rglob("*"):
        parts = file.relative_to(run).parts
        hidden = parts[0] == "ray" or any(part.startswith(".") for part in parts)
        of_training = len(parts) == 3 and parts[0] in GROUPS and parts[2] != RECORD
        if not hidden and of_training == of_workers and file.is_file():
            found.append(file)
    return found


def _check_newest(storage: Storage, run: RunDirectory) -> None:
    """Raise `SweepError` if the storage holds another state of the run than this machine."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / run.run_file.name
        if not storage.get(f"{run_key(run.path.name)}/{file.name}", file):
            return
        stored = read_record(file, RunRecord)
    if not run.begun():
        raise SweepError(
            f"{storage.address} holds a run {run.path.name} already: resume it with --resume, or "
            "choose another name with name=NAME"
        )
    here = run.run()
    if here.started != stored.started:
        raise SweepError(
            f"{storage.address} holds another run {run.path.name} than {run.path}: choose another "
            "storage"
        )
    if len(here.resumed) < len(stored.resumed):
        raise SweepError(
            f"{run.path} was resumed elsewhere since, and {storage.address} has its newest state: "
            "move this folder away, and --resume continues from there"
        )
