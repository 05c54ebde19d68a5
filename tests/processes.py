"""Processes of a test, found by a mark in their environment: other tests run Ray beside it."""

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
MARK = "EOSWEEP_TEST"


def titled(pid: int) -> Iterator[tuple[psutil.Process, str]]:
    """The processes that a process has started, theirs included, each with its command line.

    What ends meanwhile is left out, so that there may be none.
    """
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.Error):
            yield child, " ".join(child.cmdline())


def listens_on(process: psutil.Process) -> set[str]:
    """The addresses that a process listens on; none, if it has ended."""
    with contextlib.suppress(psutil.Error):
        return {
            connection.laddr.ip
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
    return set()


class Marked:
    """A Python process and all that comes with it, also what has lost its parent."""

    def __init__(self, arguments: list[str], temporary: Path, **variables: str) -> None:
        self.mark, self.temporary = uuid.uuid4().hex, temporary
        environment = {
            **os.environ,
            MARK: self.mark,
            "TMPDIR": str(temporary),
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        environment.pop("RAY_ADDRESS", None)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read_until(self, start: str) -> str:
        """The first line of its output that starts so."""
        assert self.process.stdout is not None
        said = next((line for line in self.process.stdout if line.startswith(start)), None)
        assert said is not None, f"it never said {start}: {self.process.communicate()[1]}"
        return said

    def finish(self, within_s: float) -> tuple[int, str]:
        """Exit status and what was written to the standard error."""
        _, error = self.process.communicate(timeout=within_s)
        return self.process.returncode, error

    def others(self) -> list[psutil.Process]:
        """The processes that came with it and still run; `info` has their names."""
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.pid not in (self.process.pid, os.getpid()) and self._owns(process):
                    found.append(process)
        return found

    def _owns(self, process: psutil.Process) -> bool:
        """By the mark, or a temporary file: titles may take the place of the environment."""
        if process.environ().get(MARK) == self.mark:
            return True
        return any(Path(file.path).is_relative_to(self.temporary) for file in process.open_files())

    def left(self, within_s: float = 10) -> list[psutil.Process]:
        """Those that still run after a while."""
        until = time.monotonic() + within_s
        while (running := self.others()) and time.monotonic() < until:
            time.sleep(0.2)
        return running


@contextlib.contextmanager
def marked(arguments: list[str], temporary: Path, **variables: str) -> Iterator[Marked]:
    """A marked process; nothing of it runs on after the block."""
    one = Marked(arguments, temporary, **variables)
    try:
        yield one
    finally:
        for process in [*one.others(), one.process]:
            with contextlib.suppress(psutil.Error, OSError):
                process.kill()
        one.process.communicate()
