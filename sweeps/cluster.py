"""Ray: started on this machine, or joined where a cluster runs."""

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants

from runs.errors import EosweepError
from sweeps.commands import ROOT
from sweeps.mps import mps
from sweeps.reaper import reaped
from sweeps.signals import heed_interrupts, held_back
from sweeps.slots import this_machine
from sweeps.watch import Address, watched

LONGEST_FOLDER = 40
"""Characters: Ray puts sockets below its folder, and their paths may have no more than 107."""
OWN_PATIENCE_S, PATIENCE_S = 0.5, 20.0
"""How long a part of Ray may not answer: on this machine, and where its head may be restarted."""
CODE = ("runs", "datasets", "models", "analysis", "deploy", "sweeps")
"""The folders whose modules workers on other machines need."""


class RayNotStartedError(EosweepError):
    """Ray was not there in time; nothing has been done with it."""


@dataclass(frozen=True)
class Session:
    """Ray as it was started or joined.

    Attributes:
        dashboard: its address; empty if there is none.
        moved: where Ray's own files are, if they could not be where TMPDIR says.
    """

    dashboard: str
    moved: Path | None = None


@contextlib.contextmanager
def cluster(address: str | None = None, *, with_mps: bool = False) -> Iterator[Session]:
    """Ray for the length of a block: joined at `address`, or started on this machine if None.

    Args:
        with_mps: workers share GPUs by CUDA's Multi-Process Service; of this machine alone.

    Raises:
        MpsError: the service cannot be started.
        RayNotStartedError: it cannot be started or joined.
        RayLostError: from the middle of the block, a part of Ray has died.
    """
    _settle()
    heed_interrupts()
    with contextlib.ExitStack() as closing:
        folder = closing.enter_context(_short_folder())
        if address is None:
            with held_back():
                closing.enter_context(reaped(folder))
            shared = closing.enter_context(mps(folder)) if with_mps else {}
            options = _own(folder, shared)
        else:
            options = _joined(address, folder)
        closing.enter_context(_native_output_hidden())
        with held_back():
            # Ray takes this machine for one that cannot be part of a cluster: what it starts
            # listens on the loopback interface alone.
            ray_constants.ENABLE_RAY_CLUSTER = address is not None
            context = _init(options)
            closing.callback(_stop)
        if address is not None:
            shutil.rmtree(folder)  # the modules have been sent
        patience = OWN_PATIENCE_S if address is None else PATIENCE_S
        closing.enter_context(watched(_parts(context), patience))
        moved = address is None and folder.parent != Path(tempfile.gettempdir())
        yield Session(context.dashboard_url or "", folder if moved else None)


def _settle() -> None:
    """Turn off what Ray would print and write of its own accord."""
    # Records and TensorBoard events are written by this project; Ray would write its own as well.
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    # Ray's newer output prints a table even with verbose=0.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    # A trial's failure is shown and recorded with its reason; Tune would also print a traceback.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    # Ray prints the last words of a process that has died, which are hundreds of lines.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None


def _init(options: dict[str, Any]) -> Any:
    """Start or join Ray."""
    try:
        return ray.init(logging_level="ERROR", log_to_driver=False, **options)
    except Exception as error:  # Ray raises no other class when a node takes longer than it waits
        _stop()
        raise RayNotStartedError(
            f"Ray could not be started or joined ({' '.join(str(error).split())}): if this machine "
            "was busy, or short of memory or processes, try again with --resume"
        ) from error


def _own(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    """How Ray is started on this machine, with its files in `folder`.

    Args:
        variables: in the environment of workers, beside others.
    """
    here = this_machine()
    # Other packages of the same names may be installed (`datasets`): this project's folder must
    # come first in every worker, wherever the command was started.
    path = filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {
        # Without it, Ray would join a cluster that runs on this machine, or that has left a trace.
        "address": "local",
        "num_cpus": here.cpus,
        "num_gpus": here.gpus,
        "dashboard_host": "127.0.0.1",
        "include_dashboard": True,
        "runtime_env": {
            "env_vars": {**_variables(), **variables, "PYTHONPATH": os.pathsep.join(path)}
        },
        "_temp_dir": str(folder),
    }


def _joined(address: str, folder: Path) -> dict[str, Any]:
    """How the cluster at `address` is joined; `folder` gets the modules that are sent to it."""
    for room in CODE:
        for module in (ROOT / room).rglob("*.py"):
            copy = folder / module.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(module, copy)
    # A job of `ray job submit` has been sent its own folder, with whatever else lies in it.
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
    environment = {"working_dir": str(folder), "env_vars": _variables()}
    return {"address": address, "runtime_env": environment}


def _variables() -> dict[str, str]:
    """The environment of a worker.

    A worker runs its trials one after another, each in a new thread. With an arena for each
    thread, glibc kept 150 MB more with every trial; with a single arena, a worker does not grow.
    """
    return {"MALLOC_ARENA_MAX": "1"}


def _parts(context: Any) -> dict[str, Address]:
    """What must answer while a sweep runs: the head's GCS, and the raylet of this machine."""
    host, _, port = context.address_info["gcs_address"].rpartition(":")
    own = ray.get_runtime_context().get_node_id()
    raylet = next(node for node in ray.nodes() if node["NodeID"] == own)
    return {
        f"Ray's head (the GCS at {host}:{port})": (host, int(port)),
        "Ray's raylet of this machine": (raylet["NodeManagerAddress"], raylet["NodeManagerPort"]),
    }


def place_of_ray() -> Path:
    """Where the folder of Ray's files is made: in TMPDIR, if that is not too long for sockets."""
    place = Path(tempfile.gettempdir())
    return place if len(str(place / "eosweep-12345678")) <= LONGEST_FOLDER else Path("/tmp")


@contextlib.contextmanager
def _short_folder() -> Iterator[Path]:
    """A folder for Ray's files, deleted at the end.

    The folders of Slurm's jobs are too long. Ray's processes, which have sockets of their own
    there, then have another TMPDIR.
    """
    place, given = place_of_ray(), os.environ.get("TMPDIR")
    if place != Path(tempfile.gettempdir()):
        os.environ["TMPDIR"] = str(place)
    folder = Path(tempfile.mkdtemp(prefix="eosweep-", dir=place))
    try:
        yield folder
    finally:
        if given is not None:
            os.environ["TMPDIR"] = given
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _native_output_hidden() -> Iterator[None]:
    """Keep what C++ writes to the standard error from the terminal; Python's own still goes there.

    Ray's writes log lines and stack traces there, once a second where a head has gone.
    """
    sys.stderr.flush()
    terminal, python = os.dup(2), sys.stderr
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    if python is sys.__stderr__:
        # It stays open: loggers that are made in the block keep it.
        sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1)
    try:
        yield
    finally:
        sys.stderr = python
        os.dup2(terminal, 2)
        os.close(terminal)


def _stop() -> None:
    with held_back():
        ray.shutdown(wait_for_processes=True)
