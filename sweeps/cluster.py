"""Ray: started on this machine, or joined where RAY_ADDRESS says."""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import ray

from sweeps.commands import ROOT
from sweeps.nodes import cluster_address
from sweeps.slots import this_machine


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Ray, started here or joined where RAY_ADDRESS says; yields the dashboard's address.

    Raises:
        KeyboardInterrupt: also where SIGTERM ends Ray's start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Records and TensorBoard events are written by this project; Ray would write its own as well.
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    # Ray's newer output prints a table even with verbose=0.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    # A trial's failure is shown and recorded with its reason; Tune would also print a traceback.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    joined = cluster_address() is not None
    # A worker runs its trials one after another, each in a new thread. With an arena for each
    # thread, glibc kept 150 MB more with every trial; with a single arena, a worker does not grow.
    variables = {"MALLOC_ARENA_MAX": "1"}
    if joined:
        excludes = ["results", "cache", ".git", ".venv"]
        environment = {"working_dir": str(ROOT), "excludes": excludes, "env_vars": variables}
    else:
        # Other packages of the same names may be installed (`datasets`): this project's folder must
        # come first in every worker, wherever the command was started.
        path = filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {"env_vars": {**variables, "PYTHONPATH": os.pathsep.join(path)}}
    options: dict[str, Any] = {"runtime_env": environment, "log_to_driver": False}
    if not joined:
        here = this_machine()
        options |= {"num_cpus": here.cpus, "num_gpus": here.gpus, "dashboard_host": "127.0.0.1"}
        # Without it, Ray would join a cluster that runs on this machine, or that has left a trace.
        options["address"] = "local"
    try:
        context = ray.init(
            logging_level="ERROR", include_dashboard=None if joined else True, **options
        )
    except SystemExit:  # of Ray's handler of SIGTERM
        raise KeyboardInterrupt from None
    try:
        yield context.dashboard_url or ""
    finally:
        ray.shutdown()
