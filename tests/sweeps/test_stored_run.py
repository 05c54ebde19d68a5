"""The run directory in the storage: up to date, restored, and not mixed up with another one."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.directory import RunDirectory
from runs.factory import run_record, trial_record
from runs.storage import Storage, StorageError
from sweeps import stored_run
from sweeps.faults import SweepError
from sweeps.stored_run import copied_to_storage, open_sync, restore_run
from sweeps.sync import Sync

ARM = {"backbone": "a"}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run of one trial, which waits: with what its worker has written."""
    directory = RunDirectory(tmp_path / "results" / "made")
    directory.write_run(run_record([ARM]))
    record = trial_record(0, ARM, 0.5)
    directory.write_training(record)
    for name in ("weights.safetensors", "resume.pt"):
        (directory.folder(record) / name).write_text(name)
    (directory.path / "ray").mkdir()
    (directory.path / "ray" / "state").touch()
    return directory


@pytest.fixture
def opened(tmp_path: Path, run: RunDirectory) -> Callable[[], Sync]:
    return lambda: open_sync(str(tmp_path / "storage"), tmp_path / "cache", run)


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_run_that_is_lost_comes_back(
    run: RunDirectory, opened: Callable[[], Sync], tmp_path: Path
) -> None:
    """Also one that was started without a storage, whose workers' files are only here."""
    with copied_to_storage(opened()):
        (run.path / "late.json").write_text("written meanwhile")
    kept = names(run.path) - {"ray/state"}
    assert names(tmp_path / "storage" / "results" / "made") == kept
    shutil.rmtree(run.path)
    assert restore_run(Storage(str(tmp_path / "storage")), run.path)
    assert names(run.path) == kept - {"trials/000-a/resume.pt"}
    assert run.trials()[0].score == 0.5
    assert not restore_run(Storage(str(tmp_path / "storage")), run.path)


def test_it_is_copied_while_the_run_goes_on_and_what_is_deleted_goes_too(
    run: RunDirectory,
    opened: Callable[[], Sync],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored_run, "COPY_EVERY_S", 0.01)
    stored = tmp_path / "storage" / "results" / "made" / "note"
    with copied_to_storage(opened()):
        for content in ("one", "two"):
            (run.path / "note").write_text(content)
            while not (stored.exists() and stored.read_text() == content):
                pass
        (run.path / "note").unlink()
        while stored.exists():
            pass


def test_what_cannot_be_copied_in_the_end_is_said(
    opened: Callable[[], Sync], tmp_path: Path
) -> None:
    sync = opened()
    with pytest.raises(StorageError, match="late is not written"), copied_to_storage(sync):
        shutil.rmtree(tmp_path / "storage")
        (tmp_path / "storage").touch()
        (sync.run.path / "late").touch()


def test_a_new_run_does_not_take_the_name_of_a_stored_one(
    run: RunDirectory, opened: Callable[[], Sync]
) -> None:
    with copied_to_storage(opened()):
        pass
    shutil.rmtree(run.path)
    with pytest.raises(SweepError, match="holds a run made already"):
        opened()
    run.write_run(run_record([ARM], started="2026-02-02T02:02:02+00:00"))
    with pytest.raises(SweepError, match="holds another run made"):
        opened()


def test_an_old_state_is_not_resumed(run: RunDirectory, opened: Callable[[], Sync]) -> None:
    before = run.run()
    run.write_run(run_record([ARM], resumed=["2026-01-03T00:00:00+00:00"]))
    with copied_to_storage(opened()):
        pass
    opened()
    run.write_run(before)
    with pytest.raises(SweepError, match="was resumed elsewhere since"):
        opened()


@pytest.mark.parametrize("shared", [True, False])
def test_a_node_that_does_not_see_the_run_says_so(
    run: RunDirectory, tmp_path: Path, shared: bool
) -> None:
    sync = Sync(None, tmp_path / "cache", run)
    data = tmp_path / "cache" / "data"
    if shared:
        data.mkdir(parents=True)
    said = contextlib.nullcontext() if shared else pytest.raises(OSError, match="does not see")
    with said:
        sync.check_here(data)


def test_a_node_with_another_folder_of_the_same_name_says_so(
    opened: Callable[[], Sync], tmp_path: Path
) -> None:
    sync = opened()
    with copied_to_storage(sync):
        pass
    sync.check_here(tmp_path)
    shutil.rmtree(tmp_path / "storage")
    with pytest.raises(OSError, match="is this folder shared"):
        sync.check_here(tmp_path)
