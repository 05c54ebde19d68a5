"""Ray Serve, started on this machine with one model, until it is interrupted."""

import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import NoReturn

from deploy.errors import ModelError
from deploy.trained import open_trained

ROOT = Path(__file__).resolve().parent.parent.parent


def serve_model(
    run: Path, name: str | None, *, device: str, host: str, port: int, max_bytes: int
) -> None:
    """Answer requests on `host`:`port` until Ctrl-C or SIGTERM.

    A Ray of its own is started, whatever cluster there may be, and stopped in the end.

    Raises:
        ModelError: Ray Serve is missing, the model cannot be opened, or the port is taken.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise ModelError(
            f"serving needs Ray Serve ({error}): pip install -r requirements-serve.txt"
        ) from None
    trained = open_trained(run, name)
    _check_address(host, port)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    from deploy.serving.application import application

    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": _environment()},
    )
    signal.signal(signal.SIGTERM, _interrupt)  # after Ray, which has a handler of its own
    try:
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": host, "port": port},
            logging_config={"log_level": "ERROR", "enable_access_log": False},
        )
        serve.run(application(run.resolve(), trained.name, device, max_bytes))
        print(f"{trained.name} answers at http://{host}:{port} until Ctrl-C", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Stopping.", flush=True)
    finally:
        serve.shutdown()
        ray.shutdown()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _environment() -> dict[str, str]:
    """Of the worker that holds the model."""
    # Our packages share names with others that may be installed (`datasets`): ours come first.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    # The worker is given no GPU by Ray, which would hide all others: it sees what --device names.
    return {"PYTHONPATH": path, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def _check_address(host: str, port: int) -> None:
    try:
        with socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ):
            pass
    except (OSError, OverflowError) as error:
        raise ModelError(
            f"cannot listen on {host}, port {port} ({error}): choose another --port or --host"
        ) from None
