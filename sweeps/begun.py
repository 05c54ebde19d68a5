"""Runs that were started before: which one a command resumes, and with which overrides."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from runs.directory import RunDirectory, RunDirectoryError
from runs.progress import UNSEEN, Progress
from runs.records import RunRecord
from runs.storage import Storage
from sweeps.faults import SweepError
from sweeps.read import read_name, read_storage


def run_to_resume(results: Path, file: Path, overrides: Sequence[str]) -> RunDirectory:
    """The run of a sweep file: under its name, or under the one that it was started with.

    Args:
        results: folder of the run directories.
        overrides: those of the command line.

    Raises:
        SweepError: there is no such file, or it was run under several names.
    """
    directory = RunDirectory(results / read_name(file, overrides))
    if directory.path.exists():
        return directory
    found = [run for run, record in _runs(results) if record.file == str(file.resolve())]
    if len(found) > 1:
        names = ", ".join(run.path.name for run in found)
        raise SweepError(f"{file} was run as {names}: say with name=NAME which one to resume")
    named = "name" in map(_key, overrides)
    return found[0] if found and not named else directory


def fetch_lost_run(
    results: Path, file: Path, overrides: Sequence[str], progress: Progress = UNSEEN
) -> None:
    """Bring the run that is to be resumed from its storage, if this machine does not have it.

    Raises:
        SweepError: there is no such file.
        StorageError: the storage cannot be used.
    """
    storage = read_storage(file, overrides)
    run = results / read_name(file, overrides)
    if storage is not None and not run.exists():
        from sweeps.stored_run import restore_run  # which imports torch

        progress.step(f"looking for {run.name} in {storage}")
        restore_run(Storage(storage), run)


def all_overrides(directory: RunDirectory, typed: Sequence[str]) -> list[str]:
    """The overrides that a run was started with, and over them those that are typed now.

    Raises:
        RunDirectoryError: `run.json` is damaged.
    """
    before = directory.run().overrides if directory.begun() else ()
    now = set(map(_key, typed))
    return [*(override for override in before if _key(override) not in now), *typed]


def _runs(results: Path) -> Iterator[tuple[RunDirectory, RunRecord]]:
    """The runs in a folder that this program can read."""
    for folder in sorted(results.glob("*/")):
        run = RunDirectory(folder)
        try:
            yield run, run.run()
        except RunDirectoryError:
            continue


def _key(override: str) -> str:
    return override.partition("=")[0]
