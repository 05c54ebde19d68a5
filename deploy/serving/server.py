"""Ray Serve, started on this machine with one model, until it is interrupted."""

import logging
import os
import signal
import socket
from pathlib import Path
from typing import NoReturn

from deploy.errors import ModelError
from deploy.trained import open_trained

ROOT = Path(__file__).resolve().parent.parent.parent


def serve_model(
    run: Path,
    name: str | None,
    *,
    device: str,
    host: str,
    port: int,
    max_bytes: int,
    max_seconds: float,
) -> None:
    """Answer requests on `host`:`port` until Ctrl-C or SIGTERM.

    A Ray of its own is started, whatever cluster there may be, and stopped in the end.

    Raises:
        ModelError: Ray Serve is missing, the model cannot be opened, or the port is taken.
    """
    try:
        import ray
        import uvicorn
        from ray import serve
        from ray._private import ray_constants
    except ImportError as error:
        raise ModelError(
            f"serving needs Ray Serve ({error}): pip install -r requirements-serve.txt"
        ) from None
    trained = open_trained(run, name)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    from deploy.serving.application import application
    from deploy.serving.connections import CONNECTIONS, configuration
    from deploy.serving.front import Front

    with _bound(host, port) as listening:
        # Ray takes this machine for one that cannot be part of a cluster: its own processes listen
        # on the loopback interface alone.
        ray_constants.ENABLE_RAY_CLUSTER = False
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
                proxy_location="Disabled",
                logging_config={"log_level": "ERROR", "enable_access_log": False},
            )
            model = serve.run(application(run.resolve(), trained.name, device))
            front = Front(trained, model.remote, max_bytes, max_seconds)
            listening.listen(CONNECTIONS)
            print(f"{trained.name} answers at http://{host}:{port} until Ctrl-C", flush=True)
            uvicorn.Server(configuration(front)).run(sockets=[listening])
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


def _bound(host: str, port: int) -> socket.socket:
    """A socket at the address, which nobody else can take from now on; not listening yet."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise ModelError(
            f"cannot listen on {host}, port {port} ({error}): choose another --port or --host"
        ) from None
    return bound
