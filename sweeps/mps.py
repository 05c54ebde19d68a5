"""CUDA's Multi-Process Service: kernels of several trials run on one GPU at the same time.

Without it a GPU gives its processes turns. The service is a daemon; ours has pipes and logs of its
own, and lives as long as the sweep. See "Multi-Process Service" in NVIDIA's documentation.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from runs.errors import EosweepError
from sweeps.slots import Machine

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
"""In the environment of the daemon and of its clients: where they meet, and its logs."""
CLIENT = "import torch; torch.ones(1, device='cuda').sum().item()"
"""What a client does to see whether the service works."""
WITHIN_S = 60
"""The time that the daemon has to start, a client to be served, and the daemon to end."""


class MpsError(EosweepError):
    """The service is asked for, and there can be none."""


def check_mps(address: str | None, machines: Sequence[Machine], *, dry_run: bool) -> None:
    """Whether `resources.mps` can be had on this machine.

    Raises:
        MpsError: saying why not.
    """
    lacks = "resources.mps: "
    if address is not None:
        raise MpsError(f"{lacks}it is for this machine alone; leave it out on a cluster")
    if not any(machine.gpus for machine in machines):
        raise MpsError(f"{lacks}there is no GPU on this machine; leave it out")
    if PIPES in os.environ:
        raise MpsError(f"{lacks}MPS runs already, as {PIPES} is set; leave it out, or unset that")
    if shutil.which(CONTROL) is None and not dry_run:
        raise MpsError(
            f"{lacks}{CONTROL} is not on the PATH; it comes with NVIDIA's driver: install it, or "
            "leave resources.mps out"
        )


@contextlib.contextmanager
def mps(folder: Path) -> Iterator[dict[str, str]]:
    """The service for the length of a block; yields the environment of its clients.

    Args:
        folder: of a short path, for pipes and logs. What is started in it is ended by
            `sweeps.reaper` if this process is killed.

    Raises:
        MpsError: it does not start, or does not serve a client in time.
    """
    where = {PIPES: str(folder / "mps"), LOGS: str(folder / "mps-logs")}
    for path in where.values():
        Path(path).mkdir()
    environment, said = os.environ | where, folder / "mps-said"
    _do([CONTROL, "-d"], environment, said, "could not be started")
    try:
        _do([sys.executable, "-c", CLIENT], environment, said, "does not serve a client")
        yield where
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):  # then the reaper ends it
            subprocess.run(
                [CONTROL],
                env=environment,
                input=b"quit\n",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=WITHIN_S,
                check=False,
            )


def _do(command: list[str], environment: dict[str, str], said: Path, fault: str) -> None:
    """Run a command, whose words go into a file: a daemon would keep a pipe open."""
    try:
        with said.open("w") as words:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                timeout=WITHIN_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        why = f"within {WITHIN_S} s"
    else:
        if not done.returncode:
            return
        why = f"({(said.read_text().strip().splitlines() or ['it said nothing'])[-1]})"
    raise MpsError(f"resources.mps: the service {fault} {why}: leave resources.mps out")
