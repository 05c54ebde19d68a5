"""A small sweep in a process of its own, which can be watched, disturbed, and resumed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from runs.directory import RunDirectory
from tests.processes import titled
from tests.s3 import CREDENTIALS, S3Server

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600

SWEEP = """\
name: small
task: detection
metric: AP50
dataset: {name: landslide4sense, image_size: 32, min_area: 2}
compare:
  backbone: [test_resnet]
  pretraining: [scratch, mae]
tune:
  lr: {log_uniform: [1.0e-4, 1.0e-2]}
budget: {trials: 3, epochs: 3, pretraining_epochs: 2}
scheduler: {name: asha, grace_epochs: 1, factor: 2}
repeats: {top: 1, seeds: 2}
seed: 3
"""

MOMENTS = (
    r"^starting the workers",
    r"mae-test_resnet: started",
    r"mae-test_resnet: epoch 1",
    r"^\d{3}-\S+: started",
    r"^\d{3}-\S+: epoch 1",
    r": waits at epoch",
    r": resumed after",
    r": epoch 3 of 3",
    r": scoring on test",
)
"""Lines of a sweep; the fault comes within two seconds of one of them."""


SLOW_CLOCK = """\
import os, time
right = time.time
time.time = lambda: right() - 3600 * os.path.exists({file!r})
"""


@dataclass
class Sweep:
    """The small sweep in a folder: `small.yaml`, `results/small` and `cache`.

    Attributes:
        s3: keeps its files, if it has a `storage`.
    """

    folder: Path
    s3: S3Server | None = None

    @property
    def run(self) -> RunDirectory:
        """What it leaves behind."""
        return RunDirectory(self.folder / "results" / "small")

    @property
    def clock(self) -> Path:
        """If this file is there, the clock of all Python processes is an hour slow."""
        return self.folder / "an hour back"

    def start(self, *more: str, **environment: str) -> "Running":
        """The command, typed in its folder; `more` are further arguments."""
        (self.folder / "small.yaml").write_text(SWEEP)
        command = [sys.executable, str(ROOT / "tune_main.py"), "small.yaml"]
        if self.s3 is not None:
            more = (f"storage={self.s3.storage('runs')}", *more)
            environment = {**CREDENTIALS, **environment}
        process = subprocess.Popen(
            [*command, "--results=results", "--cache=cache", *more],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "120", **self._clock(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return Running(process)

    def _clock(self) -> dict[str, str]:
        """Python runs `sitecustomize` at its start."""
        hook = self.folder / "hook" / "sitecustomize.py"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(SLOW_CLOCK.format(file=str(self.clock)))
        return {"PYTHONPATH": str(hook.parent)}

    def outcome(self) -> dict[str, Any]:
        """Trials, repeats, scores on test and what was timed, without what depends on the clock."""
        trainings = [*self.run.trials(), *self.run.repeats()]
        kept = ("number", "of", "arm", "config", "status", "score", "best_epoch")
        rows = {one.name: one.model_dump(mode="json", include={*kept}) for one in trainings}
        timed = sorted(self.run.latency().models)
        return {"trainings": rows, "test": self.run.test().scores, "timed": timed}


@dataclass
class Running:
    """A command that runs; what it prints is read as it comes."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        streams = ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        self._readers = [threading.Thread(target=self._read, args=one) for one in streams]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any, lines: list[str]) -> None:
        for line in stream:
            with self._changed:
                lines.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, pattern: str) -> None:
        """Wait until a line is printed in which `pattern` is found."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(re.search(pattern, line) for line in self.lines) or self._over,
                TIMEOUT_S,
            )
        printed = "\n".join([*self.lines[-20:], *self.errors])
        assert found and self._said(pattern), f"before {pattern!r}:\n{printed}"

    def _said(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in self.lines)

    @property
    def _over(self) -> bool:
        return not self._readers[0].is_alive() or self.process.poll() is not None

    def processes(self, pattern: str) -> list[psutil.Process]:
        """Its processes whose command line matches, newest first."""
        found = [one for one, title in titled(self.process.pid) if re.search(pattern, title)]
        return sorted(found, key=lambda one: -one.create_time())

    def kill(self, pattern: str, patience_s: float = 300) -> None:
        """Kill -9 the newest of its processes whose command line matches, once there is one."""
        until = time.monotonic() + patience_s
        while not (found := self.processes(pattern)) and time.monotonic() < until:
            assert self.process.poll() is None, "the sweep has ended: " + "\n".join(self.errors)
            time.sleep(0.01)
        assert found, f"no process is called {pattern!r}"
        found[0].kill()

    def end(self) -> tuple[int, list[str]]:
        """Wait for its end: the exit status, and what it printed as errors."""
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        for reader in self._readers:
            reader.join(TIMEOUT_S)
        return self.process.returncode, self.errors


@contextlib.contextmanager
def left_nothing(running: Running) -> Iterator[None]:
    """Within it, the command ends: none of its processes outlives it by a minute."""
    watched: dict[int, psutil.Process] = {}
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            watched.update({one.pid: one for one in running.processes("")})

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    _, alive = psutil.wait_procs(watched.values(), timeout=60)
    assert not alive, f"still running: {[one.name() for one in alive]}"
