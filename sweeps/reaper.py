"""Ends what Ray leaves behind of itself, also where the command is killed: processes and files.

It is a process of its own, which waits for the end of the command: then its standard input is
closed, whatever has ended the command. Some of Ray's processes would not end by themselves: they
block the signals that the command blocks, see `sweeps.signals`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

MARK = "EOSWEEP_RAY"
"""In the environment of Ray's processes: the folder of their files."""
END_S = 1
"""How long they may take to end, before they are killed."""


@contextlib.contextmanager
def reaped(folder: Path) -> Iterator[None]:
    """Let nothing that is started in the block outlive this process, nor `folder`."""
    before = os.environ.get(MARK)
    os.environ[MARK] = str(folder)
    command = [sys.executable, __file__, str(folder)]
    reaper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        if before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = before
        assert reaper.stdin is not None
        reaper.stdin.close()
        reaper.wait()


def reap(folder: str) -> None:
    """Wait for the end of the command, then end what is marked with `folder`, and delete that."""
    sys.stdin.read()
    left = [process for process in psutil.process_iter() if _belongs(process, folder)]
    _, stuck = psutil.wait_procs(left, timeout=END_S)
    for process in stuck:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stuck, timeout=END_S)
    shutil.rmtree(folder, ignore_errors=True)


def _belongs(process: psutil.Process, folder: str) -> bool:
    """Whether a process has the mark, or a file of the folder open.

    Some of Ray's processes give themselves titles, and these may take the place of the environment.
    """
    if process.pid in (os.getpid(), os.getppid()):  # the command, if it runs on
        return False
    with contextlib.suppress(psutil.Error):
        if process.environ().get(MARK) == folder:
            return True
        return any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    return False


if __name__ == "__main__":
    reap(sys.argv[1])
