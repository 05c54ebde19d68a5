"""The Multi-Process Service is started, tried and ended, or refused in a sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sweeps import mps as module
from sweeps.failures import failure_of
from sweeps.mps import CONTROL, PIPES, MpsError, check_mps, mps
from sweeps.slots import Machine

WITH_GPU, WITHOUT = Machine(4, 1), Machine(4, 0)

DAEMON = """#!/bin/sh
# As much of the daemon as is used of it: -d starts it, `quit` on its input ends it.
file="$CUDA_MPS_PIPE_DIRECTORY/daemon"
if [ "$1" = -d ]; then
    sleep 600 > "$CUDA_MPS_LOG_DIRECTORY/control.log" 2>&1 &
    echo $! > "$file"
else
    read -r word
    [ "$word" = quit ] && kill "$(cat "$file")"
fi
"""
SERVED = "import os, pathlib; pathlib.Path(os.environ['CUDA_MPS_PIPE_DIRECTORY'], 'daemon').stat()"
COMMAND = """
import sys, time
from pathlib import Path
from sweeps import mps
from sweeps.reaper import reaped
mps.CLIENT = ""
folder = Path(sys.argv[1])
with reaped(folder), mps.mps(folder):
    print((folder / "mps" / "daemon").read_text(), flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PIPES, raising=False)
    control = tmp_path / "bin" / CONTROL
    control.parent.mkdir()
    control.write_text(DAEMON)
    control.chmod(0o755)
    monkeypatch.setenv("PATH", f"{control.parent}:{os.environ['PATH']}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ray"
    made.mkdir()
    return made


def runs(daemon: int) -> bool:
    """Whether it does; one that has ended may wait for somebody to ask how."""
    return psutil.pid_exists(daemon) and psutil.Process(daemon).status() != psutil.STATUS_ZOMBIE


def test_it_serves_as_long_as_the_sweep_and_then_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLIENT", SERVED)
    with mps(folder) as environment:
        daemon = int(Path(environment[PIPES], "daemon").read_text())
        assert runs(daemon)
    assert not runs(daemon)


def test_a_service_that_serves_no_client_is_ended_and_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLIENT", "raise SystemExit('no CUDA-capable device')")
    fault = r"does not serve a client \(no CUDA-capable device\)"
    with pytest.raises(MpsError, match=fault), mps(folder):
        pass
    assert not runs(int((folder / "mps" / "daemon").read_text()))


def test_a_client_that_waits_for_ever_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLIENT", "import time; time.sleep(600)")
    monkeypatch.setattr(module, "WITHIN_S", 1)
    with pytest.raises(MpsError, match="does not serve a client within 1 s"), mps(folder):
        pass


def test_it_does_not_outlive_a_command_that_is_killed(folder: Path) -> None:
    command = [sys.executable, "-c", COMMAND, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        daemon = int(process.stdout.readline())
        ended = psutil.Process(daemon)
        process.send_signal(signal.SIGKILL)
    ended.wait(20)


@pytest.mark.parametrize(
    ("address", "machine", "fault"),
    [
        ("10.0.0.1:6379", WITH_GPU, "for this machine alone"),
        (None, WITHOUT, "there is no GPU"),
        (None, WITH_GPU, f"{CONTROL} is not on the PATH"),
    ],
)
def test_where_there_can_be_none_it_is_refused_before_any_work(
    address: str | None, machine: Machine, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_mps(None, [WITH_GPU], dry_run=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MpsError, match=fault):
        check_mps(address, [machine], dry_run=False)


def test_a_service_that_runs_already_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIPES, "/tmp/nvidia-mps")
    with pytest.raises(MpsError, match=f"MPS runs already, as {PIPES} is set"):
        check_mps(None, [WITH_GPU], dry_run=True)


@pytest.mark.parametrize(("shared", "kind"), [(True, "lost"), (False, "raised")])
def test_under_it_a_fault_of_the_gpu_may_be_a_neighbours(
    shared: bool, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shared:
        monkeypatch.setenv(PIPES, str(folder))
    fault = RuntimeError("CUDA error: an illegal memory access was encountered")
    assert failure_of(fault).kind == kind
    assert failure_of(ValueError("MPS")).kind == "raised"
